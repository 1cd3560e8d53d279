/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams and seqpackets (unix(7)): a send is one message, a receive takes one. A queue that is
 * full stops those that its owner is not connected to.
 */
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "net/unix/message.h"

#define OVERHEAD 32 /* bytes of the send buffer that a datagram may not use, as in Linux */

/* ---- send ---- */

static bool is_full_for(struct unix_socket *to, struct unix_socket *u)
{
	return to != u && READ_ONCE(to->peer) != u &&
	       atomic_load(&to->nr_queued) > READ_ONCE(to->backlog);
}

static bool takes_nothing(struct unix_socket *to)
{
	return READ_ONCE(to->closed) || (atomic_load(&to->shutdown) & UNIX_NO_RECEIVE) != 0;
}

/* u's peer has closed: a datagram socket is not connected any more. */
static int leave_closed_peer(struct unix_socket *u, struct unix_socket *to)
{
	struct unix_socket *was = NULL;
	struct list messages;

	if (unix_is_connection(u))
		return -EPIPE;
	list_init(&messages);
	spin_lock(&unix_lock);
	if (u->peer == to) {
		spin_lock(&u->socket.lock);
		was = u->peer;
		u->peer = NULL;
		spin_unlock(&u->socket.lock);
		atomic_store(&u->state, UNIX_IDLE);
	}
	spin_unlock(&unix_lock);
	if (was == NULL)
		return -EAGAIN;
	mutex_lock(&u->read_lock);
	unix_queue_take(u, &messages);
	mutex_unlock(&u->read_lock);
	unix_messages_free(&messages);
	unix_put(was);
	return -ECONNREFUSED;
}

/* May u send to `to` now? 0, or why not; waits for room. */
static int wait_target(struct unix_socket *u, struct unix_socket *to, unsigned flags,
		       nsec_t deadline)
{
	for (;;) {
		struct unix_socket *its_peer = READ_ONCE(to->peer);
		int err;

		if (its_peer != NULL && its_peer != u)
			return -EPERM;
		if (READ_ONCE(to->closed))
			return leave_closed_peer(u, to);
		if (takes_nothing(to))
			return -EPIPE;
		if ((READ_ONCE(u->shutdown) & UNIX_NO_SEND) != 0)
			return -EPIPE;
		if (!is_full_for(to, u))
			return 0;
		if ((flags & MSG_DONTWAIT) != 0)
			return -EAGAIN;
		err = wait_event(&to->room, !is_full_for(to, u) || takes_nothing(to),
				 WAIT_INTERRUPTIBLE, deadline);
		if (err != 0)
			return socket_wait_error(err, READ_ONCE(u->socket.send_timeout_ns));
	}
}

static int find_target(struct unix_socket *u, const struct socket_message *m,
		       struct unix_socket **to)
{
	if (m->name != NULL)
		return unix_name_find(m->name, u->socket.type, to);
	*to = unix_peer_get(u);
	return *to == NULL ? -ENOTCONN : 0;
}

/* `to`, once. -EAGAIN without MSG_DONTWAIT: it has closed meanwhile, look again. */
static int send_to(struct unix_socket *u, struct unix_socket *to, struct unix_message *msg,
		   struct socket_message *m)
{
	nsec_t deadline = socket_deadline(READ_ONCE(u->socket.send_timeout_ns));
	int err = wait_target(u, to, m->flags, deadline);

	return err != 0 ? err : unix_deliver(to, msg, m);
}

static int check_send(struct unix_socket *u, const struct socket_message *m)
{
	if ((m->flags & MSG_OOB) != 0)
		return -EOPNOTSUPP;
	if (m->name != NULL)
		return unix_address_check(m->name);
	return READ_ONCE(u->peer) == NULL ? -ENOTCONN : 0;
}

ssize_t unix_datagram_send(struct socket *s, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s), *to = NULL;
	struct unix_message *msg = NULL;
	size_t len = m->data->left;
	int err = check_send(u, m);

	if (err == 0)
		err = unix_autobind_if_asked(u);
	if (err == 0 && len > READ_ONCE(s->send_limit) - OVERHEAD)
		err = -EMSGSIZE;
	if (err == 0)
		err = unix_wait_send(u, m->flags);
	if (err != 0)
		return err;
	if (m->rights != NULL)
		unix_bound_garbage();
	msg = unix_message_new(u, len);
	if (msg == NULL)
		return -ENOMEM;
	err = packet_fill(&msg->packet, m->data);
	if (err == 0)
		err = find_target(u, m, &to);
	if (err == 0)
		err = send_to(u, to, msg, m);
	unix_put(to);
	if (err == 0)
		return (ssize_t)len;
	unix_message_free(msg);
	return err;
}

/* ---- receive ---- */

/* The message that is to be read, or NULL; *skip: bytes of it that a peek steps over. */
static struct unix_message *pick(struct unix_socket *u, unsigned flags, size_t *skip)
{
	struct unix_message *m = NULL;

	*skip = unix_peek_start(u, flags);
	while ((m = unix_queue_next(u, m)) != NULL) {
		if (*skip < m->packet.len || (*skip == 0 && !m->peeked))
			return m;
		if (READ_ONCE(u->socket.peek_offset) < 0 || (flags & MSG_PEEK) == 0)
			return m;
		*skip -= m->packet.len;
	}
	return NULL;
}

static bool has_news(struct unix_socket *u, uint64_t nr_seen)
{
	return atomic_load(&u->nr_arrived) != nr_seen || READ_ONCE(u->socket.error) != 0 ||
	       (atomic_load(&u->shutdown) & UNIX_NO_RECEIVE) != 0;
}

/* Waits for a message, with the read lock held before and after. 0: *msg, or NULL for the end. */
static int wait_message(struct unix_socket *u, unsigned flags, struct unix_message **msg,
			size_t *skip)
{
	nsec_t timeout = READ_ONCE(u->socket.receive_timeout_ns);
	nsec_t deadline = socket_deadline(timeout);

	for (;;) {
		uint64_t nr_seen = atomic_load(&u->nr_arrived);
		bool ended = (atomic_load(&u->shutdown) & UNIX_NO_RECEIVE) != 0;
		int err = socket_take_error(&u->socket);

		if (err != 0)
			return err;
		*msg = pick(u, flags, skip);
		if (*msg != NULL)
			return 0;
		if (ended && (unix_is_connection(u) || (flags & MSG_DONTWAIT) == 0))
			return 0;
		if ((flags & MSG_DONTWAIT) != 0)
			return -EAGAIN;
		mutex_unlock(&u->read_lock);
		err = wait_event(&u->socket.readable, has_news(u, nr_seen), WAIT_INTERRUPTIBLE,
				 deadline);
		mutex_lock(&u->read_lock);
		if (err != 0)
			return socket_wait_error(err, timeout);
	}
}

/* All that the program is told of msg, but for its being taken. */
static ssize_t read_message(struct unix_socket *u, struct unix_message *msg, size_t skip,
			    struct socket_message *m)
{
	size_t len = msg->packet.len - skip, n = min(len, m->data->left);

	unix_message_name(msg, m);
	unix_message_tell_sender(msg, u, m);
	if (n < len)
		m->out_flags |= MSG_TRUNC;
	if (packet_read(&msg->packet, skip, m->data, n) < n)
		return -EFAULT;
	return (ssize_t)((m->flags & MSG_TRUNC) != 0 ? len : n);
}

ssize_t unix_datagram_receive(struct socket *s, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s);
	struct unix_message *msg = NULL;
	bool peek = (m->flags & MSG_PEEK) != 0;
	size_t skip, before = m->data->left;
	ssize_t n;

	if ((m->flags & MSG_OOB) != 0)
		return -EOPNOTSUPP;
	mutex_lock(&u->read_lock);
	n = wait_message(u, m->flags, &msg, &skip);
	if (n == 0 && msg != NULL) {
		n = read_message(u, msg, skip, m);
		if (n >= 0 && peek)
			n = unix_rights_copy(msg, &m->rights) != 0 ? -ENOMEM : n;
		if (n >= 0)
			unix_peek_moved(u, m->flags,
					peek ? before - m->data->left : msg->packet.len);
		msg->peeked |= peek;
		if (!peek)
			unix_queue_remove(u, msg);
	}
	mutex_unlock(&u->read_lock);
	if (msg == NULL || peek)
		return n;
	if (n >= 0)
		m->rights = unix_rights_take(msg);
	unix_message_free(msg);
	return n;
}

/* ---- seqpackets ---- */

ssize_t unix_seqpacket_send(struct socket *s, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s);

	if (atomic_load(&u->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	m->name = NULL; /* it goes to the peer, whatever is said */
	return unix_datagram_send(s, m);
}

ssize_t unix_seqpacket_receive(struct socket *s, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s);

	return atomic_load(&u->state) != UNIX_CONNECTED ? -ENOTCONN : unix_datagram_receive(s, m);
}
