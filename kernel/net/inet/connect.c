/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's beginnings: listen(2), connect(2), accept(2). A connection is made whole by connect: its
 * other end waits on the listener's list until it is accepted. With that list full, who connects
 * waits on another list, as one whose SYN is dropped, and has its turn when something is accepted.
 * A connect that may not block says EINPROGRESS in any case, as with Linux: its outcome is told by
 * poll, SO_ERROR or the next connect.
 */
#include <linux/eventpoll.h>

#include "core/random.h"
#include "lib/errno.h"
#include "net/inet/tcp.h"

#define SEND_JOINED 2626560u /* SO_SNDBUF that Linux arrives at with the loopback's segments */

/* What an accepted socket has of its listener's options. */
#define INHERITED \
	(1ull << SO_REUSEADDR | 1ull << SO_REUSEPORT | 1ull << SO_KEEPALIVE | \
	 1ull << SO_OOBINLINE | 1ull << SO_DONTROUTE | 1ull << SO_DEBUG)

/* ---- listen ---- */

int tcp_listen(struct socket *s, unsigned backlog)
{
	struct tcp_socket *u = tcp_of(s);
	int err = 0;

	scoped_spin(&inet_lock);
	if ((u->state != STREAM_IDLE && u->state != STREAM_LISTENING) || u->progressing)
		return -EINVAL;
	atomic_store(&u->backlog, backlog);
	if (u->state == STREAM_LISTENING)
		return 0;
	if (u->inet.local.port == 0)
		err = inet_autobind_locked(&u->inet, NULL);
	else
		err = inet_may_listen_locked(&u->inet);
	if (err != 0)
		return err;
	inet_put_first_locked(&u->inet);
	atomic_store(&u->ends, 0);
	atomic_store(&u->state, STREAM_LISTENING);
	(void)atomic_or(&s->traits, SOCKET_LISTENS);
	return 0;
}

/* ---- connect ---- */

/* How well a listener fits: 0 not at all; its own address before a wildcard, IPv4's own first. */
static unsigned score(const struct tcp_socket *l, const struct inet_address *to)
{
	unsigned n = 1;

	if (!inet_is_bound_to(&l->inet, to))
		return 0;
	if (!inet_ip_is_any(l->inet.local.ip))
		n += 2;
	return n + (inet_ip_is_v4(to->ip) && !inet_is_v6(&l->inet));
}

/* Of several that fit as well (SO_REUSEPORT), any. */
static struct tcp_socket *find_listener_locked(const struct inet_address *to)
{
	struct tcp_socket *l, *best = NULL;
	unsigned most = 0, nr_equal = 0;

	list_foreach(inet_port_bucket(&inet_tcp, to->port), l, inet.port_link) {
		unsigned n;

		if (atomic_load(&l->state) != STREAM_LISTENING)
			break; /* those stand first */
		n = score(l, to);
		if (n == 0 || n < most)
			continue;
		nr_equal = n > most ? 1 : nr_equal + 1;
		most = n;
		if (nr_equal == 1 || random_u64() % nr_equal == 0)
			best = l;
	}
	return best;
}

static bool is_full(const struct tcp_socket *l)
{
	return atomic_load(&l->nr_pending) > READ_ONCE(l->backlog);
}

static void attach_locked(struct tcp_socket *u, struct tcp_socket *to)
{
	struct socket *s = &u->inet.socket;

	if (READ_ONCE(s->send_limit) < SEND_JOINED &&
	    (READ_ONCE(s->traits) & SOCKET_SEND_LIMIT_SET) == 0)
		atomic_store(&s->send_limit, SEND_JOINED);
	tcp_get(to);
	spin_lock(&s->lock);
	u->peer = to;
	atomic_store(&u->ends, 0);
	spin_unlock(&s->lock);
	inet_connected_locked(&u->inet);
	atomic_store(&u->state, STREAM_JOINED);
}

/* u and `e`, which is new, are the ends of a connection that l is to accept. */
static void join_locked(struct tcp_socket *u, struct tcp_socket *l, struct tcp_socket *e)
{
	struct socket *s = &e->inet.socket;

	s->family = l->inet.socket.family;
	s->options = READ_ONCE(l->inet.socket.options) & INHERITED;
	s->send_limit = l->inet.socket.send_limit;
	s->receive_limit = l->inet.socket.receive_limit;
	s->receive_low = l->inet.socket.receive_low;
	s->linger_sec = l->inet.socket.linger_sec;
	s->send_timeout_ns = l->inet.socket.send_timeout_ns;
	s->receive_timeout_ns = l->inet.socket.receive_timeout_ns;
	s->traits = READ_ONCE(l->inet.socket.traits) & SOCKET_SEND_LIMIT_SET;
	e->inet.only_v6 = l->inet.only_v6;
	e->inet.local = u->inet.remote;
	e->inet.remote = u->inet.local;
	inet_options_inherit(&e->inet, &l->inet);
	inet_share_port_locked(&e->inet);
	attach_locked(e, u);
	attach_locked(u, e);
	list_append(&l->pending, &e->pending_link);
	atomic_store(&l->nr_pending, l->nr_pending + 1);
}

static void wake_joined(struct tcp_socket *u, struct tcp_socket *l)
{
	socket_wake(&l->inet.socket, EPOLLIN | EPOLLRDNORM);
	socket_wake(&u->inet.socket, EPOLLOUT | EPOLLWRNORM);
}

/* What a connect does at once: 0, with u joined or CONNECTING by means of `e` and *l counted; or
 * -Exxx, with nothing of it left. */
static int begin_locked(struct tcp_socket *u, struct inet_address *to, struct tcp_socket *e,
			struct tcp_socket **l)
{
	int err = inet_route(&u->inet, to);

	if (err != 0)
		return err;
	inet_source(&u->inet, to, &u->inet.local);
	err = inet_autobind_locked(&u->inet, to);
	if (err != 0)
		return err;
	*l = find_listener_locked(to);
	if (*l == NULL)
		return -ECONNREFUSED;
	tcp_get(*l);
	u->inet.remote = *to;
	if (!is_full(*l)) {
		join_locked(u, *l, e);
		return 0;
	}
	tcp_get(*l);
	u->target = *l;
	u->spare = e;
	list_append(&(*l)->waiters, &u->pending_link);
	atomic_store(&u->ends, 0);
	atomic_store(&u->state, STREAM_CONNECTING);
	return 0;
}

/* Where nobody listens, a connect that may not block learns it later: as of an RST to its SYN. */
static int begin(struct tcp_socket *u, struct inet_address *to, bool nonblock)
{
	struct tcp_socket *l = NULL, *e = tcp_new();
	int err;

	if (e == NULL)
		return -ENOMEM;
	spin_lock(&inet_lock);
	err = begin_locked(u, to, e, &l);
	if (err != 0)
		tcp_refuse_locked(u, err == -ECONNREFUSED && nonblock ? ECONNREFUSED : 0);
	if (nonblock && (err == 0 || err == -ECONNREFUSED))
		u->progressing = true;
	spin_unlock(&inet_lock);
	if (err == 0 && atomic_load(&u->state) == STREAM_JOINED)
		wake_joined(u, l);
	if (err != 0)
		tcp_put(e);
	if (err == -ECONNREFUSED && nonblock)
		socket_wake(&u->inet.socket, EPOLLERR | EPOLLHUP | EPOLLIN | EPOLLOUT);
	tcp_put(l);
	return err == -ECONNREFUSED && nonblock ? 0 : err;
}

/* The outcome of a connect that said EINPROGRESS. */
static int outcome(struct tcp_socket *u)
{
	bool closed = tcp_is_closed(u);
	int err = closed ? socket_take_error(&u->inet.socket) : 0;

	spin_lock(&inet_lock);
	u->progressing = false;
	spin_unlock(&inet_lock);
	if (!closed)
		return 0;
	IGNORE_RESULT(tcp_disconnect(u)); /* what it says matters to connect(AF_UNSPEC) only */
	return err != 0 ? err : -ECONNABORTED;
}

static int wait_connected(struct tcp_socket *u)
{
	nsec_t timeout = READ_ONCE(u->inet.socket.send_timeout_ns);
	int err = wait_event(&u->inet.socket.writable, atomic_load(&u->state) != STREAM_CONNECTING,
			     WAIT_INTERRUPTIBLE, socket_deadline(timeout));

	if (err == -ETIMEDOUT)
		err = -EINPROGRESS;
	if (err == 0)
		return outcome(u);
	spin_lock(&inet_lock);
	u->progressing = true;
	spin_unlock(&inet_lock);
	return socket_wait_error(err, timeout);
}

/* -EISCONN, -EALREADY; 0: a connect may begin; 1: it is under way or has an outcome. */
static int check_state(struct tcp_socket *u)
{
	scoped_spin(&inet_lock);
	if (u->progressing || u->state == STREAM_CONNECTING)
		return 1;
	return u->state == STREAM_IDLE ? 0 : -EISCONN;
}

int tcp_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
	struct tcp_socket *u = tcp_of(s);
	struct inet_address to;
	int state, err;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	if (a->family == AF_UNSPEC)
		return tcp_disconnect(u);
	state = check_state(u);
	if (state < 0)
		return state;
	if (state > 0 && atomic_load(&u->state) != STREAM_CONNECTING)
		return outcome(u);
	if (state > 0)
		return nonblock ? -EALREADY : wait_connected(u);
	err = inet_address_read(&u->inet, a, &to);
	if (err == 0)
		err = begin(u, &to, nonblock);
	if (err != 0)
		return err;
	if (nonblock)
		return -EINPROGRESS;
	return atomic_load(&u->state) == STREAM_CONNECTING ? wait_connected(u) : 0;
}

/* ---- accept ---- */

bool tcp_has_pending(const struct tcp_socket *u)
{
	return atomic_load(&u->nr_pending) > 0;
}

/* There is room for one more: the first that waits for it, now joined and counted, or NULL. */
static struct tcp_socket *admit_locked(struct tcp_socket *l)
{
	struct tcp_socket *u = list_first(&l->waiters, struct tcp_socket, pending_link);

	if (u == NULL || is_full(l))
		return NULL;
	list_remove(&u->pending_link);
	u->target = NULL;
	(void)ref_put(&l->inet.socket.ref); /* not the last: the caller has it, too */
	join_locked(u, l, u->spare);
	u->spare = NULL;
	tcp_get(u);
	return u;
}

static struct tcp_socket *take_pending(struct tcp_socket *l)
{
	struct tcp_socket *e, *admitted = NULL;

	spin_lock(&inet_lock);
	e = list_first(&l->pending, struct tcp_socket, pending_link);
	if (e != NULL) {
		list_remove(&e->pending_link);
		atomic_store(&l->nr_pending, l->nr_pending - 1);
		admitted = admit_locked(l);
	}
	spin_unlock(&inet_lock);
	if (admitted != NULL)
		wake_joined(admitted, l);
	tcp_put(admitted);
	return e;
}

static bool listens(const struct tcp_socket *u)
{
	return atomic_load(&u->state) == STREAM_LISTENING;
}

int tcp_accept(struct socket *s, bool nonblock, struct socket **out)
{
	struct tcp_socket *l = tcp_of(s), *e;
	nsec_t timeout = READ_ONCE(s->receive_timeout_ns), deadline = socket_deadline(timeout);

	while ((e = take_pending(l)) == NULL) {
		int err;

		if (!listens(l))
			return -EINVAL;
		if (nonblock)
			return -EAGAIN;
		err = wait_event(&s->readable, tcp_has_pending(l) || !listens(l),
				 WAIT_INTERRUPTIBLE, deadline);
		if (err != 0)
			return socket_wait_error(err, timeout);
	}
	*out = &e->inet.socket;
	return 0;
}
