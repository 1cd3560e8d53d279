// SPDX-License-Identifier: BSD-2-Clause
/*
 * hull.h for C++17: objects that close what they have, callbacks that are lambdas, std::chrono,
 * std::string_view. Header only, over libhull.a. Nothing is thrown but std::bad_alloc, where an object is
 * made. No exception may leave a callback, for there is C between it and hull_start: it ends the program
 * (std::terminate).
 *
 *	#include <hull.hpp>
 *	using namespace std::chrono_literals;
 *
 *	static hull::timer tick;
 *
 *	int hull_start(int argc, char **argv)
 *	{
 *		tick.every(1s, [] { hull_log("another second"); });
 *		return 0;
 *	}
 *
 * Who owns what. A timer, udp, listener or tcp object ends what it stands for when it is destroyed, and
 * can be moved (but a timer, which is in a heap by its address). An accepted connection belongs to its
 * listener's callback: move it to where it shall live, or it is closed when the callback returns. An
 * object may be destroyed from its own callback.
 *
 * Errors are as in hull.h: 0 or a negative errno.
 */
#pragma once
#include <hull.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hull {

using nanoseconds = std::chrono::nanoseconds;

inline hull_ns to_ns(nanoseconds d)
{
	return d.count() < 0 ? 0 : static_cast<hull_ns>(d.count());
}

inline nanoseconds now()
{
	return nanoseconds(static_cast<int64_t>(hull_now()));
}

/* ---- addresses ---- */

struct address : hull_address {
	address() : hull_address{} {}
	address(const hull_address &a) : hull_address(a) {}
	/* An address's text that is known to be right; port 0 and any address if it is not. */
	explicit address(const char *text, uint16_t port_if_none = 0) : hull_address{}
	{
		if (hull_address_parse(text, port_if_none, this) != 0)
			static_cast<hull_address &>(*this) = hull_address{};
	}
	static int parse(const std::string &text, uint16_t port_if_none, address &out)
	{
		return hull_address_parse(text.c_str(), port_if_none, &out);
	}
	std::string text() const
	{
		char buffer[HULL_ADDRESS_TEXT];

		return hull_address_text(this, buffer);
	}
	bool is_v4() const { return hull_address_is_v4(this); }
	bool operator==(const address &o) const { return hull_address_equal(this, &o); }
	bool operator!=(const address &o) const { return !(*this == o); }
};

/* ---- timers ---- */

class timer {
public:
	timer() { hull_timer_init(&raw_, fired, this); }
	~timer() { hull_timer_stop(&raw_); }
	timer(const timer &) = delete;
	timer &operator=(const timer &) = delete;

	void after(nanoseconds delay, std::function<void()> fn) { start(delay, {}, std::move(fn)); }
	void every(nanoseconds period, std::function<void()> fn)
	{
		start(period, period, std::move(fn));
	}
	void stop() { hull_timer_stop(&raw_); }
	bool is_set() const { return hull_timer_is_set(&raw_); }

private:
	void start(nanoseconds delay, nanoseconds period, std::function<void()> fn)
	{
		fn_ = std::make_shared<std::function<void()>>(std::move(fn));
		hull_timer_start(&raw_, to_ns(delay), to_ns(period));
	}
	static void fired(hull_timer *, void *user) noexcept
	{
		auto fn = static_cast<timer *>(user)->fn_; /* the timer may go meanwhile */

		(*fn)();
	}

	hull_timer raw_;
	std::shared_ptr<std::function<void()>> fn_;
};

/* ---- UDP ---- */

struct datagram {
	std::string_view data;
	const hull_datagram *raw;
	address from() const { return raw->from; }
	address to() const { return raw->to; }
};

class udp {
public:
	using received_fn = std::function<void(udp &, const datagram &)>;
	using failed_fn = std::function<void(udp &, const address &, int)>;

	udp() = default;
	~udp() { close(); }
	udp(udp &&o) noexcept { *this = std::move(o); }
	udp &operator=(udp &&o) noexcept
	{
		if (this == &o)
			return *this;
		close();
		state_ = std::move(o.state_);
		if (state_)
			state_->self = this;
		return *this;
	}

	int open(const address &local, received_fn received, failed_fn failed = {})
	{
		auto s = std::make_shared<state>();
		hull_udp_config c{};
		int err;

		close();
		s->received = std::move(received);
		s->failed = std::move(failed);
		s->self = this;
		c.local = local;
		c.received = arrived;
		c.failed = s->failed ? lost : nullptr;
		c.user = s.get();
		err = hull_udp_open(&c, &s->raw);
		if (err == 0)
			state_ = std::move(s);
		return err;
	}
	void close()
	{
		if (state_)
			hull_udp_close(state_->raw);
		state_.reset();
	}
	bool is_open() const { return state_ != nullptr; }
	address local() const { return hull_udp_local(state_->raw); }
	int join(const address &group) { return hull_udp_join(state_->raw, &group); }
	int leave(const address &group) { return hull_udp_leave(state_->raw, &group); }
	int send(const address &to, std::string_view data)
	{
		return hull_udp_send(state_->raw, &to, data.data(), data.size());
	}
	int reply(const datagram &d, std::string_view data)
	{
		return hull_udp_reply(state_->raw, d.raw, data.data(), data.size());
	}

private:
	struct state : std::enable_shared_from_this<state> {
		hull_udp *raw = nullptr;
		udp *self = nullptr;
		received_fn received;
		failed_fn failed;
	};
	static void arrived(hull_udp *u, const hull_datagram *d) noexcept
	{
		auto s = static_cast<state *>(hull_udp_user(u))->shared_from_this();

		s->received(*s->self,
			    datagram{ { static_cast<const char *>(d->data), d->len }, d });
	}
	static void lost(hull_udp *u, const hull_address *to, int error) noexcept
	{
		auto s = static_cast<state *>(hull_udp_user(u))->shared_from_this();

		s->failed(*s->self, *to, error);
	}

	std::shared_ptr<state> state_;
};

/* ---- TCP ---- */

class tcp {
public:
	/* All but `received` may be empty. As in hull.h; the connection is given to each. */
	struct handlers {
		std::function<void(tcp &)> connected;
		std::function<size_t(tcp &, std::string_view)> received;
		std::function<void(tcp &)> ended; /* empty: it is closed */
		std::function<void(tcp &)> drained;
		std::function<void(int error)> closed; /* the object is empty by then */
	};

	tcp() = default;
	~tcp() { close(); }
	tcp(tcp &&o) noexcept { *this = std::move(o); }
	tcp &operator=(tcp &&o) noexcept
	{
		if (this == &o)
			return *this;
		close();
		state_ = std::exchange(o.state_, nullptr);
		if (state_)
			state_->self = this;
		return *this;
	}

	int connect(const address &remote, handlers h)
	{
		hull_connect_config c{};
		auto *s = new state{ std::move(h) };
		int err;

		close();
		s->self = this;
		c.remote = remote;
		c.events = events();
		c.user = s;
		err = hull_tcp_connect(&c, &s->raw);
		if (err != 0)
			delete s;
		else
			state_ = s;
		return err;
	}
	/* For an accepted connection: who hears of it. */
	void handle(handlers h) { state_->h = std::move(h); }

	int send(std::string_view data)
	{
		return state_ ? hull_tcp_send(state_->raw, data.data(), data.size()) : -EPIPE;
	}
	size_t unsent() const { return state_ ? hull_tcp_unsent(state_->raw) : 0; }
	void pause() { hull_tcp_pause(state_->raw); }
	void resume() { hull_tcp_resume(state_->raw); }
	void finish() { hull_tcp_finish(state_->raw); }
	void close() { leave(hull_tcp_close); }
	void abort() { leave(hull_tcp_abort); }
	bool is_open() const { return state_ != nullptr; }
	address local() const { return hull_tcp_local(state_->raw); }
	address remote() const { return hull_tcp_remote(state_->raw); }

private:
	friend class listener;
	/* It is the connection's, and goes with `closed`: the object may be gone before. */
	struct state {
		handlers h;
		hull_tcp *raw = nullptr;
		tcp *self = nullptr;
	};

	void leave(void (*how)(hull_tcp *))
	{
		state *s = std::exchange(state_, nullptr);

		if (s == nullptr)
			return;
		s->self = nullptr;
		how(s->raw);
	}
	static state *of(hull_tcp *c) { return static_cast<state *>(hull_tcp_user(c)); }
	/* A callback may replace the handlers: what runs is a copy. */
	template <class Fn> static void call(state *s, const Fn &member)
	{
		auto fn = member;

		if (fn && s->self)
			fn(*s->self);
	}
	static void on_connected(hull_tcp *c) noexcept { call(of(c), of(c)->h.connected); }
	static void on_drained(hull_tcp *c) noexcept { call(of(c), of(c)->h.drained); }
	static size_t on_received(hull_tcp *c, const void *data, size_t len) noexcept
	{
		state *s = of(c);
		auto fn = s->h.received;

		if (!fn || !s->self)
			return len;
		return fn(*s->self, { static_cast<const char *>(data), len });
	}
	static void on_ended(hull_tcp *c) noexcept
	{
		if (of(c)->h.ended && of(c)->self)
			call(of(c), of(c)->h.ended);
		else
			hull_tcp_close(c);
	}
	static void on_closed(hull_tcp *c, int error) noexcept
	{
		std::unique_ptr<state> s(of(c));

		if (s->self)
			s->self->state_ = nullptr;
		if (s->h.closed)
			s->h.closed(error);
	}
	static const hull_tcp_events *events()
	{
		static const hull_tcp_events all = { on_connected, on_received, on_ended, on_drained,
						     on_closed };

		return &all;
	}

	state *state_ = nullptr;
};

class listener {
public:
	using accepted_fn = std::function<void(tcp &&)>;

	listener() = default;
	~listener() { close(); }
	listener(const listener &) = delete;
	listener &operator=(const listener &) = delete;

	int open(const address &local, accepted_fn accepted)
	{
		hull_listen_config c{};

		close();
		fn_ = std::make_shared<accepted_fn>(std::move(accepted));
		c.local = local;
		c.events = tcp::events();
		c.accepted = came;
		c.user = this;
		return hull_tcp_listen(&c, &raw_);
	}
	void close()
	{
		if (raw_ != nullptr)
			hull_listener_close(std::exchange(raw_, nullptr));
	}
	address local() const { return hull_listener_local(raw_); }

private:
	static void came(hull_listener *l, hull_tcp *raw) noexcept
	{
		auto fn = static_cast<listener *>(hull_listener_user(l))->fn_;
		tcp c;

		c.state_ = new tcp::state{ {} };
		c.state_->raw = raw;
		c.state_->self = &c;
		hull_tcp_set_user(raw, c.state_);
		(*fn)(std::move(c));
	}

	hull_listener *raw_ = nullptr;
	std::shared_ptr<accepted_fn> fn_;
};

/* ---- the rest ---- */

namespace detail {
inline void run_once(void *user) noexcept
{
	std::unique_ptr<std::function<void()>> fn(static_cast<std::function<void()> *>(user));

	(*fn)();
}

struct work {
	std::function<void()> fn, done;
};
inline void work_run(void *user) noexcept
{
	static_cast<work *>(user)->fn();
}
inline void work_done(void *user) noexcept
{
	std::unique_ptr<work> w(static_cast<work *>(user));

	if (w->done)
		w->done();
}

inline std::function<void(int)> *interrupts()
{
	static std::function<void(int)> all[65];

	return all;
}
inline void interrupted(int signo, void *) noexcept
{
	auto fn = interrupts()[signo];

	fn(signo);
}
} // namespace detail

/* [any thread] */
inline int post(hull_loop *loop, std::function<void()> fn)
{
	auto *copy = new std::function<void()>(std::move(fn));
	int err = hull_post(loop, detail::run_once, copy);

	if (err != 0)
		delete copy;
	return err;
}

inline int run_work(std::function<void()> fn, std::function<void()> done = {})
{
	auto *w = new detail::work{ std::move(fn), std::move(done) };
	int err = hull_work(detail::work_run, detail::work_done, w);

	if (err != 0)
		delete w;
	return err;
}

inline int on_interrupt(int signo, std::function<void(int)> fn)
{
	if (signo < 1 || signo > 64)
		return hull_on_interrupt(signo, nullptr, nullptr);
	detail::interrupts()[signo] = std::move(fn);
	return hull_on_interrupt(signo, detail::interrupts()[signo] ? detail::interrupted : nullptr,
				 nullptr);
}

inline void stop(int status = 0)
{
	hull_stop(status);
}

} // namespace hull
