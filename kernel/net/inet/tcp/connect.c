/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How TCP's sockets begin and end: listen(2), connect(2), accept(2), shutdown(2), close(2). A
 * connect that may not block says EINPROGRESS in any case, as with Linux: its outcome is told by
 * poll, SO_ERROR or the next connect.
 */
#include <linux/eventpoll.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "net/inet/tcp/tcp.h"

#define WAKE_ALL (EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLERR)

/* ---- listen ---- */

int tcp_socket_listen(struct socket *s, unsigned backlog)
{
	struct tcp_socket *u = tcp_socket_of(s);
	int err;

	scoped_mutex(&u->inet.names_lock);
	if (u->phase != TCP_UNCONNECTED)
		return -EINVAL;
	err = tcp_listen(&u->tcp, backlog);
	if (err != 0)
		return err;
	inet_names_changed(&u->inet);
	atomic_store(&u->ends, 0);
	(void)atomic_or(&s->traits, SOCKET_LISTENS);
	return 0;
}

/* ---- connect ---- */

/* As new, but that what bind gave stays. names_lock is held. */
static void disconnect(struct tcp_socket *u)
{
	struct socket *s = &u->inet.socket;

	tcp_disconnect(&u->tcp);
	net_run();
	inet_names_changed(&u->inet);
	u->phase = TCP_UNCONNECTED;
	atomic_store(&u->ends, 0);
	(void)atomic_and(&s->traits, ~(unsigned)SOCKET_LISTENS);
	socket_wake(s, WAKE_ALL);
}

/* The outcome of a connect that has ended. names_lock is held. */
static int outcome(struct tcp_socket *u)
{
	int err;

	if (u->phase != TCP_CONNECTING)
		return u->phase == TCP_CONNECTED ? 0 : -ECONNABORTED;
	if (tcp_state(&u->tcp) != TCP_STATE_CLOSED) {
		u->phase = TCP_CONNECTED;
		return 0;
	}
	err = tcp_socket_take_error(u);
	disconnect(u);
	(void)tcp_socket_take_error(u);
	return err != 0 ? err : -ECONNABORTED;
}

static int wait_connected(struct tcp_socket *u)
{
	nsec_t timeout = READ_ONCE(u->inet.socket.send_timeout_ns);
	int err = wait_event(&u->inet.socket.writable, !tcp_socket_is_connecting(u),
			     WAIT_INTERRUPTIBLE, socket_deadline(timeout));

	if (err == -ETIMEDOUT)
		return -EINPROGRESS;
	if (err != 0)
		return socket_wait_error(err, timeout);
	scoped_mutex(&u->inet.names_lock);
	return outcome(u);
}

/* names_lock is held. */
static int begin(struct tcp_socket *u, const struct socket_address *a)
{
	struct inet_socket *i = &u->inet;
	struct inet_target to;
	int err;

	if (tcp_state(&u->tcp) != TCP_STATE_CLOSED)
		return -EISCONN;
	err = inet_address_read(i, a, &to);
	if (err == 0)
		err = inet_address_mean(i, &to);
	if (err != 0)
		return err;
	if (inet_ip_is_multicast(to.at.ip) || inet_ip_equal(to.at.ip, inet_broadcast4) ||
	    net_address_is_broadcast(i->net, to.at.ip, 0))
		return -ENETUNREACH;
	if (to.scope != 0)
		WRITE_ONCE(i->end->dev_index, to.scope);
	atomic_store(&u->ends, 0);
	err = tcp_connect(&u->tcp, &to.at, inet_bound_address(i));
	if (err != 0)
		return err;
	inet_names_changed(i);
	u->phase = TCP_CONNECTING;
	net_run();
	return 0;
}

/* 1: there is something to wait for. */
static int start(struct tcp_socket *u, const struct socket_address *a, bool nonblock)
{
	int err;

	scoped_mutex(&u->inet.names_lock);
	if (a->family == AF_UNSPEC) {
		disconnect(u);
		return 0;
	}
	if (u->phase == TCP_CONNECTED)
		return -EISCONN;
	if (u->phase == TCP_CONNECTING) {
		if (!tcp_socket_is_connecting(u))
			return outcome(u);
		return nonblock ? -EALREADY : 1;
	}
	err = begin(u, a);
	if (err != 0)
		return err;
	return nonblock ? -EINPROGRESS : 1;
}

int tcp_socket_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
	struct tcp_socket *u = tcp_socket_of(s);
	int state;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	state = start(u, a, nonblock);
	return state > 0 ? wait_connected(u) : state;
}

/* ---- accept ---- */

static bool listens(const struct tcp_socket *u)
{
	return tcp_state(&u->tcp) == TCP_STATE_LISTEN;
}

int tcp_socket_accept(struct socket *s, bool nonblock, struct socket **out)
{
	struct tcp_socket *l = tcp_socket_of(s), *u;
	nsec_t timeout = READ_ONCE(s->receive_timeout_ns), deadline = socket_deadline(timeout);
	struct tcp *t;

	while ((t = tcp_accept(&l->tcp)) == NULL) {
		int err;

		if (!listens(l))
			return -EINVAL;
		if (nonblock)
			return -EAGAIN;
		err = wait_event(&s->readable, tcp_has_pending(&l->tcp) || !listens(l),
				 WAIT_INTERRUPTIBLE, deadline);
		if (err != 0)
			return socket_wait_error(err, timeout);
	}
	u = container_of(t, struct tcp_socket, tcp);
	spin_lock(&u->inet.socket.lock);
	u->inet.local = t->local;
	u->inet.remote = t->remote;
	spin_unlock(&u->inet.socket.lock);
	*out = &u->inet.socket;
	return 0;
}

/* ---- shutdown, close ---- */

int tcp_socket_shutdown(struct socket *s, int how)
{
	struct tcp_socket *u = tcp_socket_of(s);
	unsigned ends = (unsigned)how + 1;
	int err = 0;

	scoped_mutex(&u->inet.names_lock);
	if (listens(u) && how == SHUT_WR)
		return 0;
	if (listens(u) || tcp_state(&u->tcp) == TCP_STATE_SYN_SENT) {
		disconnect(u);
		return 0;
	}
	if (u->phase == TCP_CONNECTING && tcp_state(&u->tcp) != TCP_STATE_CLOSED)
		u->phase = TCP_CONNECTED;
	(void)atomic_or(&u->ends, ends);
	err = tcp_shutdown(&u->tcp, (ends & TCP_NO_RECEIVE) != 0, (ends & TCP_NO_SEND) != 0);
	net_run();
	socket_wake(s, WAKE_ALL);
	return err;
}

/* SO_LINGER: until all that was given is acknowledged, with the FIN. */
static void linger(struct tcp_socket *u, int sec)
{
	struct socket *s = &u->inet.socket;

	if (tcp_shutdown(&u->tcp, false, true) != 0)
		return;
	net_run();
	(void)wait_event(&s->writable,
			 tcp_unacked(&u->tcp) == 0 || tcp_state(&u->tcp) == TCP_STATE_CLOSED,
			 WAIT_INTERRUPTIBLE, socket_deadline(sec * NSEC_PER_SEC));
}

void tcp_socket_close(struct socket *s)
{
	struct tcp_socket *u = tcp_socket_of(s);
	int sec = READ_ONCE(s->linger_sec);

	if (sec > 0 && !listens(u) && tcp_readable(&u->tcp) == 0)
		linger(u, sec);
	if (sec == 0 && !listens(u))
		tcp_abort(&u->tcp);
	else
		tcp_close(&u->tcp);
	inet_close(&u->inet);
	net_run();
}
