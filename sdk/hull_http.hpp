/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hull_http.h for C++17: handlers are lambdas.
 *
 *	hull::http_server server;
 *
 *	server.route("GET", "/hello/:name", [](hull::http_request r) {
 *		r.respond(200, "text/plain", "Hello, " + r.parameter("name").value_or("you"));
 *	});
 *	server.listen(where);
 *
 * A request is a pointer: it may be kept, and answered later from the same loop, once. A server that
 * goes out of scope, in one of its handlers too, is closed, and calls nothing any more. Exceptions: hull.hpp.
 */
#pragma once
#include <hull.hpp>
#include <hull_http.h>

#include <optional>
#include <vector>

namespace hull
{

class http_request {
public:
	explicit http_request(hull_http_request *raw) : raw_(raw) {}

	/* Until the handler returns, or, if it did not answer, until the answer. */
	std::string_view method() const { return view(hull_http_method(raw_)); }
	std::string_view path() const { return view(hull_http_path(raw_)); }
	std::string_view query() const { return view(hull_http_query(raw_)); }
	std::string_view body() const { return view(hull_http_body(raw_)); }
	/* Without data: there is none. */
	std::string_view header(const char *name) const
	{
		return view(hull_http_header(raw_, name));
	}
	/* None: there is no such one, or its %XX are wrong. */
	std::optional<std::string> parameter(const char *name) const
	{
		return text(hull_http_parameter, name);
	}
	std::optional<std::string> argument(const char *name) const
	{
		return text(hull_http_argument, name);
	}
	address remote() const { return hull_http_remote(raw_); }
	bool is_gone() const { return hull_http_is_gone(raw_); }

	int set_header(const char *name, const std::string &value)
	{
		return hull_http_set_header(raw_, name, value.c_str());
	}
	void respond(int status, const char *type, std::string_view content)
	{
		hull_http_respond(raw_, status, type, content.data(), content.size());
	}
	void refuse(int status, const char *why = nullptr) { hull_http_refuse(raw_, status, why); }

	void begin(int status, const char *type) { hull_http_begin(raw_, status, type); }
	int write(std::string_view part) { return hull_http_write(raw_, part.data(), part.size()); }
	void end() { hull_http_end(raw_); }
	hull_http_request *raw() const { return raw_; }

private:
	static std::string_view view(hull_bytes b) { return { b.data, b.len }; }
	template <class Get> std::optional<std::string> text(Get get, const char *name) const
	{
		std::string s(path().size() + query().size() + 1, '\0');
		int n = get(raw_, name, s.data(), s.size());

		if (n < 0)
			return {};
		s.resize(static_cast<size_t>(n));
		return s;
	}

	hull_http_request *raw_;
};

class http_server {
public:
	using handler = std::function<void(http_request)>;

	http_server() = default;
	~http_server() { close(); }
	http_server(const http_server &) = delete;
	http_server &operator=(const http_server &) = delete;

	/* Before or after listen. method "": any. */
	int route(const std::string &method, const std::string &path, handler fn)
	{
		routes_.push_back(std::make_unique<one>(
			one{ method, path, std::make_shared<handler>(std::move(fn)) }));
		return raw_ == nullptr ? 0 : add(*routes_.back());
	}
	int listen(const address &local)
	{
		hull_http_config c{};

		c.local = local;
		return listen(c);
	}
	int listen(const hull_http_config &config)
	{
		int err;

		close();
		err = hull_http_listen(&config, &raw_);
		for (auto &r : routes_)
			err = err == 0 ? add(*r) : err;
		if (err != 0)
			close();
		return err;
	}
	void close()
	{
		if (raw_ != nullptr)
			hull_http_close(std::exchange(raw_, nullptr));
	}
	address local() const { return hull_http_local(raw_); }

private:
	struct one {
		std::string method, path;
		std::shared_ptr<handler> fn; /* it may close the server that has it */
	};

	int add(one &r)
	{
		return hull_http_route(raw_, r.method.empty() ? nullptr : r.method.c_str(),
				       r.path.c_str(), came, &r);
	}
	static void came(hull_http_request *r, void *user) noexcept
	{
		auto fn = static_cast<one *>(user)->fn;

		(*fn)(http_request(r));
	}

	hull_http_server *raw_ = nullptr;
	std::vector<std::unique_ptr<one>> routes_; /* they stay where they are */
};

} // namespace hull
