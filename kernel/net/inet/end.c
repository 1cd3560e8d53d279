/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How TCP's connections end (RFC 9293 §3.6, §3.10.4, §3.10.5; shutdown(2), close(2)):
 *
 *	a FIN	by shutdown of the sending half, or close. The peer reads the end.
 *	an RST	by close with unread bytes or with SO_LINGER 0, by connect to AF_UNSPEC, and in
 *		answer to bytes for a socket that is closed. The peer finds ECONNRESET, or EPIPE
 *		after a FIN; what it has not read yet it still can.
 */
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/tcp.h"

#define WAKE_ALL (EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLERR)

static void receive_fin(struct tcp_socket *u)
{
	struct socket *s = &u->inet.socket;
	unsigned ends;

	spin_lock(&s->lock);
	ends = u->ends | STREAM_GOT_FIN | STREAM_NO_RECEIVE;
	atomic_store(&u->ends, ends);
	spin_unlock(&s->lock);
	socket_wake(s, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP |
			       ((ends & STREAM_SENT_FIN) != 0 ? EPOLLHUP : 0));
}

void tcp_receive_reset(struct tcp_socket *u)
{
	struct socket *s = &u->inet.socket;

	spin_lock(&s->lock);
	if (tcp_is_closed(u)) {
		spin_unlock(&s->lock);
		return;
	}
	atomic_store(&s->error, (u->ends & STREAM_GOT_FIN) != 0 ? EPIPE : ECONNRESET);
	atomic_store(&u->ends, u->ends | STREAM_RESET | STREAM_NO_BOTH);
	spin_unlock(&s->lock);
	socket_wake(s, WAKE_ALL);
}

/* u's end is marked. What it was before. */
static unsigned mark(struct tcp_socket *u, unsigned ends)
{
	unsigned was;

	spin_lock(&u->inet.socket.lock);
	was = u->ends;
	atomic_store(&u->ends, was | ends);
	spin_unlock(&u->inet.socket.lock);
	return was;
}

/* ---- what was for a listener ---- */

void tcp_refuse_locked(struct tcp_socket *u, int error)
{
	struct inet_socket *i = &u->inet;

	atomic_store(&u->state, STREAM_IDLE);
	i->remote.port = 0;
	list_remove(&i->connection_link);
	if (!i->address_chosen)
		memcpy(i->local.ip, inet_is_v6(i) ? inet_any6 : inet_any4, 16);
	if (!i->port_chosen)
		inet_unbind_locked(i);
	if (error == 0)
		return;
	atomic_store(&i->socket.error, error);
	spin_lock(&i->socket.lock);
	atomic_store(&u->ends, STREAM_NO_BOTH);
	spin_unlock(&i->socket.lock);
}

/* u waits no more for its listener. What is to be put: its other end to be, and the listener. */
static void leave_locked(struct tcp_socket *u, struct tcp_socket *rest[2])
{
	if (atomic_load(&u->state) != STREAM_CONNECTING)
		return;
	list_remove(&u->pending_link);
	rest[0] = u->spare;
	rest[1] = u->target;
	u->spare = u->target = NULL;
}

/* Refuses the first that waits for l. False: there is none. */
static bool refuse_waiter(struct tcp_socket *l)
{
	struct tcp_socket *u, *rest[2] = { NULL, NULL };

	spin_lock(&inet_lock);
	u = list_first(&l->waiters, struct tcp_socket, pending_link);
	if (u != NULL) {
		tcp_get(u);
		leave_locked(u, rest);
		tcp_refuse_locked(u, ECONNREFUSED);
	}
	spin_unlock(&inet_lock);
	if (u == NULL)
		return false;
	socket_wake(&u->inet.socket, WAKE_ALL);
	tcp_put(rest[0]);
	tcp_put(rest[1]);
	tcp_put(u);
	return true;
}

/* Takes the first connection that nobody accepted. */
static struct tcp_socket *take_orphan(struct tcp_socket *l)
{
	struct tcp_socket *e;

	scoped_spin(&inet_lock);
	e = list_first(&l->pending, struct tcp_socket, pending_link);
	if (e == NULL)
		return NULL;
	list_remove(&e->pending_link);
	atomic_store(&l->nr_pending, l->nr_pending - 1);
	return e;
}

static void close_with(struct tcp_socket *u, bool reset);

/* l listens no more. */
static void stop_listening(struct tcp_socket *l)
{
	struct tcp_socket *e;

	spin_lock(&inet_lock);
	atomic_store(&l->state, STREAM_IDLE);
	(void)atomic_and(&l->inet.socket.traits, ~(unsigned)SOCKET_LISTENS);
	if (!l->inet.port_chosen)
		inet_unbind_locked(&l->inet);
	else
		inet_put_last_locked(&l->inet);
	spin_unlock(&inet_lock);
	while (refuse_waiter(l)) {
	}
	while ((e = take_orphan(l)) != NULL) {
		close_with(e, true);
		tcp_put(e);
	}
	socket_wake(&l->inet.socket, WAKE_ALL);
}

/* ---- shutdown ---- */

int tcp_shutdown(struct socket *s, int how)
{
	struct tcp_socket *u = tcp_of(s), *peer;
	bool closed = tcp_is_closed(u);
	unsigned ends = (unsigned)how + 1, was;

	if (atomic_load(&u->state) == STREAM_LISTENING) {
		if (how != SHUT_WR)
			stop_listening(u);
		return 0;
	}
	if (atomic_load(&u->state) == STREAM_CONNECTING)
		return tcp_disconnect(u);
	if ((ends & STREAM_NO_SEND) != 0 && !closed)
		ends |= STREAM_SENT_FIN;
	was = mark(u, ends);
	if ((ends & ~was & STREAM_SENT_FIN) != 0) {
		peer = tcp_peer_get(u);
		if (peer != NULL)
			receive_fin(peer);
		tcp_put(peer);
	}
	socket_wake(s, WAKE_ALL);
	return closed ? -ENOTCONN : 0;
}

/* ---- the end ---- */

/* u and its peer part: its queue goes, the peer is told. */
static void close_with(struct tcp_socket *u, bool reset)
{
	struct socket *s = &u->inet.socket;
	struct tcp_socket *peer;
	struct list packets;
	unsigned was;
	bool over;

	mutex_lock(&u->read_lock);
	over = tcp_is_closed(u);
	was = mark(u, STREAM_GONE | STREAM_NO_BOTH);
	spin_lock(&s->lock);
	peer = u->peer;
	u->peer = NULL;
	spin_unlock(&s->lock);
	tcp_queue_take(u, &packets);
	if (peer != NULL && tcp_packets_free(peer, &packets) > 0)
		reset = true;
	mutex_unlock(&u->read_lock);
	inet_remove(&u->inet);
	if (peer == NULL)
		return;
	if (!over && reset)
		tcp_receive_reset(peer);
	else if (!over && (was & STREAM_SENT_FIN) == 0)
		receive_fin(peer);
	socket_wake(&peer->inet.socket, EPOLLOUT | EPOLLWRNORM);
	tcp_put(peer);
}

void tcp_close(struct socket *s)
{
	struct tcp_socket *u = tcp_of(s), *rest[2] = { NULL, NULL };

	if (atomic_load(&u->state) == STREAM_LISTENING)
		stop_listening(u);
	spin_lock(&inet_lock);
	leave_locked(u, rest);
	atomic_store(&u->state, u->state == STREAM_CONNECTING ? STREAM_IDLE : u->state);
	spin_unlock(&inet_lock);
	tcp_put(rest[0]);
	tcp_put(rest[1]);
	close_with(u, READ_ONCE(s->linger_sec) == 0);
}

/* What is left of a connection when u is to be as new. Does it end by that? */
static bool part(struct tcp_socket *u)
{
	struct socket *s = &u->inet.socket;
	struct tcp_socket *peer;
	struct list packets;
	bool over;

	mutex_lock(&u->read_lock);
	over = tcp_is_closed(u);
	spin_lock(&s->lock);
	peer = u->peer;
	u->peer = NULL;
	atomic_store(&u->ends, 0);
	spin_unlock(&s->lock);
	tcp_queue_take(u, &packets);
	if (peer != NULL)
		IGNORE_RESULT(tcp_packets_free(peer, &packets)); /* read or not, it is reset */
	mutex_unlock(&u->read_lock);
	if (peer != NULL && !over)
		tcp_receive_reset(peer);
	tcp_put(peer);
	return peer != NULL && !over;
}

int tcp_disconnect(struct tcp_socket *u)
{
	struct tcp_socket *rest[2] = { NULL, NULL };
	bool reset;

	if (atomic_load(&u->state) == STREAM_LISTENING) {
		stop_listening(u);
		return 0;
	}
	reset = part(u);
	spin_lock(&inet_lock);
	leave_locked(u, rest);
	tcp_refuse_locked(u, 0);
	u->progressing = false;
	spin_unlock(&inet_lock);
	tcp_put(rest[0]);
	tcp_put(rest[1]);
	atomic_store(&u->inet.socket.error, reset ? ECONNRESET : 0);
	socket_wake(&u->inet.socket, WAKE_ALL);
	return 0;
}
