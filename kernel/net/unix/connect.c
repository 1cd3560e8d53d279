/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connecting local sockets: connect(2), listen(2), accept(2), socketpair(2). A connection is made
 * whole by connect: its other end waits on the listener's list until it is accepted.
 */
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "net/unix/message.h"

/* What an accepted socket has of its listener's options. */
#define INHERITED (1ull << SO_PASSCRED | 1ull << SO_PASSSEC | socket_option_bit(SO_PASSPIDFD))

void unix_attach_locked(struct unix_socket *u, struct unix_socket *to)
{
	spin_lock(&u->socket.lock);
	u->peer = to;
	spin_unlock(&u->socket.lock);
	atomic_store(&u->state, UNIX_CONNECTED);
}

/* ---- listen ---- */

int unix_listen(struct socket *s, unsigned backlog)
{
	struct unix_socket *u = unix_of(s);
	struct socket_peer self = socket_peer_current();

	spin_lock(&unix_lock);
	if (u->name == NULL || u->state == UNIX_CONNECTED) {
		spin_unlock(&unix_lock);
		cred_put(self.cred);
		return -EINVAL;
	}
	atomic_store(&u->backlog, backlog);
	atomic_store(&u->state, UNIX_LISTENING);
	(void)atomic_or(&s->traits, SOCKET_LISTENS);
	spin_unlock(&unix_lock);
	socket_peer_set(s, self);
	waitq_wake_all(&u->room, EPOLLOUT);
	return 0;
}

/* ---- connect ---- */

static bool is_full(struct unix_socket *listener)
{
	return atomic_load(&listener->nr_pending) > READ_ONCE(listener->backlog);
}

static bool refuses(struct unix_socket *listener)
{
	return atomic_load(&listener->state) != UNIX_LISTENING ||
	       (atomic_load(&listener->shutdown) & UNIX_NO_RECEIVE) != 0;
}

/* The new connection, if u may have one and the listener takes it; else nothing has changed. */
static int join(struct unix_socket *u, struct unix_socket *listener, struct unix_socket *embryo)
{
	scoped_spin(&unix_lock);
	if (refuses(listener))
		return -ECONNREFUSED;
	if (is_full(listener))
		return -EAGAIN;
	if (u->state != UNIX_IDLE)
		return u->state == UNIX_CONNECTED ? -EISCONN : -EINVAL;
	embryo->embryo = true;
	embryo->name = listener->name;
	unix_name_get(embryo->name);
	unix_get(u);
	unix_attach_locked(embryo, u);
	unix_get(embryo);
	unix_attach_locked(u, embryo);
	list_append(&listener->pending, &embryo->pending_link);
	atomic_store(&listener->nr_pending, listener->nr_pending + 1);
	return 0;
}

/* Until the listener has room, once. */
static int wait_listener(struct unix_socket *u, struct unix_socket *listener, nsec_t deadline)
{
	int err = wait_event(&listener->room, !is_full(listener) || refuses(listener),
			     WAIT_INTERRUPTIBLE, deadline);

	return socket_wait_error(err, READ_ONCE(u->socket.send_timeout_ns));
}

static int connect_to(struct unix_socket *u, struct unix_socket *listener)
{
	struct unix_socket *embryo = unix_new(u->socket.type);
	struct socket_peer self;
	int err;

	if (embryo == NULL)
		return -ENOMEM;
	embryo->socket.family = u->socket.family;
	embryo->socket.options = READ_ONCE(listener->socket.options) & INHERITED;
	self = socket_peer_current();
	socket_peer_set(&embryo->socket, self);
	err = join(u, listener, embryo);
	if (err != 0) {
		unix_put(embryo);
		return err;
	}
	socket_peer_set(&u->socket, socket_peer_get(&listener->socket));
	waitq_wake_all(&listener->socket.readable, EPOLLIN | EPOLLRDNORM);
	waitq_wake_all(&u->socket.writable, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

int unix_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
	struct unix_socket *u = unix_of(s), *listener;
	nsec_t deadline = socket_deadline(READ_ONCE(s->send_timeout_ns));
	int err = unix_address_check(a);

	if (err == 0)
		err = unix_autobind_if_asked(u);
	while (err == 0) {
		err = unix_name_find(a, s->type, &listener);
		if (err != 0)
			return err;
		err = connect_to(u, listener);
		if (err != -EAGAIN || nonblock) {
			unix_put(listener);
			return err;
		}
		err = wait_listener(u, listener, deadline);
		unix_put(listener);
	}
	return err;
}

/* ---- accept ---- */

static struct unix_socket *take_pending(struct unix_socket *u)
{
	struct unix_socket *e;

	scoped_spin(&unix_lock);
	e = list_first(&u->pending, struct unix_socket, pending_link);
	if (e == NULL)
		return NULL;
	list_remove(&e->pending_link);
	atomic_store(&u->nr_pending, u->nr_pending - 1);
	WRITE_ONCE(e->embryo, false);
	return e;
}

static bool has_pending(struct unix_socket *u)
{
	return atomic_load(&u->nr_pending) > 0 || refuses(u);
}

int unix_accept(struct socket *s, bool nonblock, struct socket **out)
{
	struct unix_socket *u = unix_of(s), *e;
	nsec_t timeout = READ_ONCE(s->receive_timeout_ns), deadline = socket_deadline(timeout);

	if (atomic_load(&u->state) != UNIX_LISTENING)
		return -EINVAL;
	while ((e = take_pending(u)) == NULL) {
		int err = socket_take_error(s);

		if (err != 0)
			return err;
		if (refuses(u))
			return -EINVAL;
		if (nonblock)
			return -EAGAIN;
		err = wait_event(&s->readable, has_pending(u), WAIT_INTERRUPTIBLE, deadline);
		if (err != 0)
			return socket_wait_error(err, timeout);
	}
	waitq_wake_all(&u->room, EPOLLOUT);
	*out = &e->socket;
	return 0;
}

/* ---- socketpair ---- */

int unix_pair(struct socket *a, struct socket *b)
{
	unix_get(unix_of(a));
	unix_get(unix_of(b));
	spin_lock(&unix_lock);
	unix_attach_locked(unix_of(a), unix_of(b));
	unix_attach_locked(unix_of(b), unix_of(a));
	spin_unlock(&unix_lock);
	socket_peer_set(a, socket_peer_current());
	socket_peer_set(b, socket_peer_current());
	return 0;
}

/* ---- datagrams ---- */

/* u's peer becomes `to` (counted for it; NULL: none). The old one. */
static struct unix_socket *replace_peer_locked(struct unix_socket *u, struct unix_socket *to)
{
	struct unix_socket *was = u->peer;

	unix_unfollow_locked(u);
	spin_lock(&u->socket.lock);
	u->peer = to;
	spin_unlock(&u->socket.lock);
	atomic_store(&u->state, to != NULL ? UNIX_CONNECTED : UNIX_IDLE);
	if (to == NULL || to == u)
		return was;
	spin_lock(&to->socket.lock);
	if (!to->closed)
		list_append(&to->followers, &u->follow_link);
	spin_unlock(&to->socket.lock);
	return was;
}

/* u has left `was`: what came from there is to be freed; if `was` is connected to u, it is told. */
static void disconnected(struct unix_socket *u, struct unix_socket *was, struct list *messages)
{
	unix_queue_take(u, messages);
	if (!list_is_empty(messages)) {
		waitq_wake_all(&u->room, EPOLLOUT);
		if (READ_ONCE(was->peer) == u && !READ_ONCE(was->closed)) {
			atomic_store(&was->socket.error, ECONNRESET);
			socket_wake(&was->socket, EPOLLERR);
		}
	}
}

int unix_datagram_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
	struct unix_socket *u = unix_of(s), *to = NULL, *was;
	struct list messages = LIST_INIT(messages);
	bool may;
	int err;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	if (a->family != AF_UNSPEC) {
		err = unix_address_check(a);
		if (err == 0)
			err = unix_autobind_if_asked(u);
		if (err == 0)
			err = unix_name_find(a, s->type, &to);
		if (err != 0)
			return err;
	}
	mutex_lock(&u->read_lock); /* nobody reads the queue that may go */
	spin_lock(&unix_lock);
	may = to == NULL || to->peer == NULL || to->peer == u;
	was = may ? replace_peer_locked(u, to) : NULL;
	spin_unlock(&unix_lock);
	if (may && was != NULL && was != to)
		disconnected(u, was, &messages);
	mutex_unlock(&u->read_lock);
	unix_messages_free(&messages);
	waitq_wake_all(&s->writable, EPOLLOUT | EPOLLWRNORM);
	unix_put(may ? was : to);
	return may ? 0 : -EPERM;
}
