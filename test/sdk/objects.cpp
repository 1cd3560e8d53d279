// SPDX-License-Identifier: BSD-2-Clause
/* hull.hpp: lambdas, moves, objects that are destroyed in their own callbacks. */
#include <hull_http.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>

using namespace std::chrono_literals;

static int nr_wrong;
#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			nr_wrong++; \
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
		} \
	} while (0)

static void done(const char *what)
{
	std::printf("%s %s\n", nr_wrong == 0 ? "ok" : "not ok", what);
}

static hull::listener listener;
static std::map<int, hull::tcp> connections;
static hull::tcp client;
static std::optional<hull::timer> once;

static std::optional<hull::http_server> web;
static hull::tcp browser;

/* A handler that ends its server, and itself, answers all the same. */
static void test_http()
{
	std::string answer(1000, 'x');

	web.emplace();
	CHECK(web->route("GET", "/", [answer](hull::http_request r) {
		web.reset();
		r.respond(200, "text/plain", answer);
	}) == 0);
	CHECK(web->listen(hull::address("127.0.0.1")) == 0);
	CHECK(browser.connect(web->local(), { [](hull::tcp &c) {
						     c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
					     },
					     [](hull::tcp &, std::string_view data) {
						     CHECK(data.substr(9, 6) == "200 OK");
						     return data.size();
					     },
					     {},
					     {},
					     [](int error) {
						     CHECK(error == 0);
						     done("http");
					     } }) == 0);
}

static void test_tcp()
{
	int err = listener.open(hull::address("127.0.0.1"), [](hull::tcp &&c) {
		auto &kept = connections[1] = std::move(c);

		kept.handle({ {},
			      [](hull::tcp &self, std::string_view data) {
				      self.send(data);
				      return data.size();
			      },
			      {},
			      {},
			      [](int error) {
				      CHECK(error == 0);
				      CHECK(!connections[1].is_open());
				      connections.clear();
			      } });
	});

	CHECK(err == 0);
	err = client.connect(listener.local(), { [](hull::tcp &c) { CHECK(c.send("echo") == 0); },
						 [](hull::tcp &c, std::string_view data) {
							 CHECK(data == "echo");
							 c.close();
							 CHECK(!c.is_open());
							 CHECK(c.send("?") < 0);
							 return data.size();
						 },
						 {},
						 {},
						 [](int error) {
							 CHECK(error == 0);
							 listener.close();
							 done("tcp");
							 test_http();
						 } });
	CHECK(err == 0);
}

static hull::udp server, asker;

static void test_udp()
{
	hull::udp made;

	CHECK(made.open(hull::address("127.0.0.1"), [](hull::udp &u, const hull::datagram &d) {
		CHECK(&u == &server);
		CHECK(d.to() == u.local());
		u.reply(d, std::string(d.data.rbegin(), d.data.rend()));
		u.close();
	}) == 0);
	server = std::move(made);
	CHECK(!made.is_open() && server.is_open());
	CHECK(asker.open(hull::address("127.0.0.1"), [](hull::udp &u, const hull::datagram &d) {
		CHECK(d.data == "olleh");
		u.close();
		done("udp");
		test_tcp();
	}) == 0);
	CHECK(asker.send(server.local(), "hello") == 0);
}

int hull_start(int, char **)
{
	once.emplace();
	once->after(1ms, [] {
		once.reset();
		done("timer");
		hull::on_interrupt(SIGUSR1, [](int signo) {
			CHECK(signo == SIGUSR1);
			done("interrupt");
			hull::on_interrupt(SIGUSR1, {});
			auto answer = std::make_shared<int>(0);
			hull::run_work([answer] { *answer = 42; },
				       [answer] {
					       CHECK(*answer == 42);
					       done("work");
					       hull::post(hull_loop_here(), [] {
						       done("post");
						       test_udp();
					       });
				       });
		});
		std::raise(SIGUSR1);
	});
	return 0;
}
