/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same as http_hello.c, in C++: handlers are lambdas, and a later answer's timer goes with it.
 *
 *	http-hello-cpp [ADDRESS:PORT]	by default *:8080
 */
#include <hull_http.hpp>

#include <csignal>
#include <cstring>

using namespace std::chrono_literals;

static hull::http_server server;

static void add_routes()
{
	server.route("GET", "/", [](hull::http_request r) {
		r.respond(200, "text/plain", "Hello, world!\n");
	});
	server.route("GET", "/hello/:name", [](hull::http_request r) {
		auto name = r.parameter("name");

		if (name && name->size() < 100)
			r.respond(200, "text/plain; charset=utf-8", "Hello, " + *name + "!\n");
		else
			r.refuse(400, "that is no name");
	});
	server.route("POST", "/echo", [](hull::http_request r) {
		r.respond(200, "application/octet-stream", r.body());
	});
	server.route("GET", "/later/:ms", [](hull::http_request r) {
		auto ms = r.parameter("ms").value_or("?");
		auto timer = std::make_shared<hull::timer>();

		timer->after(std::atoi(ms.c_str()) * 1ms, [r, ms, timer]() mutable {
			r.respond(200, "text/plain", "after " + ms + " ms\n");
			timer.reset();
		});
	});
}

int hull_start(int argc, char **argv)
{
	const char *where = argc > 1 ? argv[1] : "*:8080";
	hull::address local;
	int err = hull::address::parse(where, 8080, local);

	add_routes();
	if (err == 0)
		err = server.listen(local);
	if (err != 0) {
		hull_log("http-hello-cpp: %s: %s", where, std::strerror(-err));
		return 1;
	}
	hull::on_interrupt(SIGTERM, [](int) { hull::stop(); });
	hull::on_interrupt(SIGINT, [](int) { hull::stop(); });
	hull_log("serving on %s (%s)", server.local().text().c_str(), hull_backend());
	return 0;
}
