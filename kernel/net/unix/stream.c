/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams (unix(7)). A send is cut into messages, each of which is queued whole; a receive goes
 * over message boundaries, but stops behind a message that had descriptors, and with SO_PASSCRED
 * before one of another sender.
 */
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/unix/message.h"

/* ---- send ---- */

/* The next part of m's bytes: how many, or -Exxx. */
static ssize_t send_part(struct unix_socket *u, struct unix_socket *peer, struct socket_message *m)
{
	struct unix_message *part;
	size_t len = min(m->data->left, UNIX_STREAM_PART);
	int err = unix_wait_send(u, m->flags);

	if (err != 0)
		return err;
	part = unix_message_new(u, len);
	if (part == NULL)
		return -ENOMEM;
	err = packet_fill(&part->packet, m->data);
	if (err == 0)
		err = unix_deliver(peer, part, m);
	if (err == 0)
		return (ssize_t)len;
	unix_message_free(part);
	return err;
}

ssize_t unix_stream_send(struct socket *s, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s), *peer;
	ssize_t total = 0, n = 0;

	if ((m->flags & MSG_OOB) != 0)
		return -EOPNOTSUPP;
	if (m->name != NULL)
		return atomic_load(&u->state) == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	peer = unix_peer_get(u);
	if (peer == NULL)
		return -ENOTCONN;
	if ((READ_ONCE(u->shutdown) & UNIX_NO_SEND) != 0)
		n = -EPIPE;
	if (m->rights != NULL)
		unix_bound_garbage();
	while (n >= 0 && m->data->left > 0) {
		n = send_part(u, peer, m);
		if (n > 0)
			total += n;
	}
	unix_put(peer);
	return total > 0 ? total : n;
}

/* ---- receive ---- */

struct reader {
	struct unix_socket *u;
	struct socket_message *m;
	size_t target; /* bytes after which it does not wait */
	size_t skip;   /* bytes of `at` and what follows it that a peek steps over */
	size_t total;
	uint64_t nr_seen;        /* of u->nr_arrived */
	struct unix_message *at; /* the last one that was peeked at, or NULL: start at the first */
	bool named;              /* cred and name are those of an earlier message */
};

static bool has_news(struct unix_socket *u, uint64_t nr_seen)
{
	return atomic_load(&u->nr_arrived) != nr_seen || READ_ONCE(u->socket.error) != 0 ||
	       (atomic_load(&u->shutdown) & UNIX_NO_RECEIVE) != 0;
}

/* The next message to read, or NULL. A peek steps over what SO_PEEK_OFF says. */
static struct unix_message *next_message(struct reader *r)
{
	struct unix_message *next;

	r->nr_seen = atomic_load(&r->u->nr_arrived);
	while ((next = unix_queue_next(r->u, r->at)) != NULL) {
		if (r->skip == 0 || r->skip < packet_left(&next->packet))
			return next;
		r->skip -= packet_left(&next->packet);
		r->at = next;
	}
	return NULL;
}

/* Nothing to read: 1 = go on looking; 0 = the end; -Exxx. The read lock is let go of to sleep. */
static int wait_message(struct reader *r, nsec_t deadline)
{
	struct unix_socket *u = r->u;
	nsec_t timeout = READ_ONCE(u->socket.receive_timeout_ns);
	int err = socket_take_error(&u->socket);

	if (err != 0)
		return err;
	if ((atomic_load(&u->shutdown) & UNIX_NO_RECEIVE) != 0)
		return atomic_load(&u->nr_arrived) != r->nr_seen;
	if ((r->m->flags & MSG_DONTWAIT) != 0)
		return -EAGAIN;
	mutex_unlock(&u->read_lock);
	err = wait_event(&u->socket.readable, has_news(u, r->nr_seen), WAIT_INTERRUPTIBLE,
			 deadline);
	mutex_lock(&u->read_lock);
	r->at = NULL;
	r->skip = unix_peek_start(u, r->m->flags);
	return err != 0 ? socket_wait_error(err, timeout) : 1;
}

static bool same_cred(const struct unix_message *msg, const struct socket_message *m)
{
	static const struct socket_cred none = { 0, UINT32_MAX, UINT32_MAX };
	const struct socket_cred *c = msg->has_cred ? &msg->cred : &none;

	return c->pid == m->cred.pid && c->uid == m->cred.uid && c->gid == m->cred.gid;
}

/* Who sent this. False: not who sent what is read already, and that matters. */
static bool note_sender(struct reader *r, const struct unix_message *msg)
{
	if (r->named)
		return !unix_wants_sender(r->u) || same_cred(msg, r->m);
	r->named = true;
	unix_message_name(msg, r->m);
	unix_message_tell_sender(msg, r->u, r->m);
	return true;
}

static void consume(struct unix_socket *u, struct unix_message *msg, size_t n)
{
	spin_lock(&u->socket.lock);
	msg->packet.offset += n;
	u->bytes_queued -= n;
	spin_unlock(&u->socket.lock);
	unix_peek_moved(u, 0, n);
}

/* Some of msg was read. True: the reader may go on to the next one. */
static bool finish_read(struct reader *r, struct unix_message *msg, size_t n)
{
	consume(r->u, msg, n);
	if (msg->rights != NULL)
		r->m->rights = unix_rights_take(msg);
	if (packet_left(&msg->packet) > 0)
		return false;
	unix_queue_remove(r->u, msg);
	unix_message_free(msg);
	return r->m->rights == NULL;
}

/* The same for a peek: *err is -ENOMEM. */
static bool finish_peek(struct reader *r, struct unix_message *msg, size_t n, int *err)
{
	unix_peek_moved(r->u, MSG_PEEK, n);
	r->skip = 0;
	r->at = msg;
	if (msg->rights == NULL)
		return true;
	*err = unix_rights_copy(msg, &r->m->rights);
	return false;
}

/* Reads one message: 1 = go on, 0 = enough, or -Exxx. */
static int read_message(struct reader *r, struct unix_message *msg)
{
	size_t n = min(packet_left(&msg->packet) - r->skip, r->m->data->left), got;
	int err = 0;
	bool more;

	if (!note_sender(r, msg))
		return 0;
	got = packet_read(&msg->packet, msg->packet.offset + r->skip, r->m->data, n);
	if (got < n && got == 0)
		return -EFAULT;
	r->total += got;
	if ((r->m->flags & MSG_PEEK) != 0)
		more = finish_peek(r, msg, got, &err);
	else
		more = finish_read(r, msg, got);
	if (err != 0)
		return err;
	return more && got == n && r->m->data->left > 0;
}

static int read_some(struct reader *r, nsec_t deadline)
{
	struct unix_message *msg = next_message(r);

	if (msg != NULL)
		return read_message(r, msg);
	if (r->total >= r->target || ((r->m->flags & MSG_PEEK) != 0 && r->total > 0))
		return 0;
	return wait_message(r, deadline);
}

ssize_t unix_stream_receive(struct socket *s, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s);
	struct reader r = { .u = u, .m = m };
	nsec_t deadline = socket_deadline(READ_ONCE(s->receive_timeout_ns));
	int err;

	if (atomic_load(&u->state) != UNIX_CONNECTED)
		return -EINVAL;
	if ((m->flags & MSG_OOB) != 0)
		return -EOPNOTSUPP;
	r.target = (m->flags & MSG_WAITALL) != 0
			   ? m->data->left
			   : min((size_t)READ_ONCE(s->receive_low), m->data->left);
	r.target = max(r.target, (size_t)1);
	mutex_lock(&u->read_lock);
	r.skip = unix_peek_start(u, m->flags);
	do {
		err = read_some(&r, deadline);
	} while (err > 0);
	mutex_unlock(&u->read_lock);
	return r.total > 0 ? (ssize_t)r.total : err;
}
