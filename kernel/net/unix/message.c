/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: their charge, the queue. message.h and unix.h have the theory. */
#include "net/unix/message.h"

#include <linux/eventpoll.h>

#include "lib/errno.h"

struct unix_message *unix_message_new(struct unix_socket *sender, size_t len)
{
	struct packet *p = packet_new(sizeof(struct unix_message), len);
	struct unix_message *m;

	if (p == NULL)
		return NULL;
	m = container_of(p, struct unix_message, packet);
	unix_get(sender);
	m->sender = sender;
	(void)atomic_add(&sender->nr_sent, p->charge);
	return m;
}

static void uncharge(struct unix_message *m)
{
	struct unix_socket *u = m->sender;
	size_t left = atomic_sub(&u->nr_sent, m->packet.charge);
	size_t low = READ_ONCE(u->socket.send_limit) / 4;

	if (left <= low && left + m->packet.charge > low)
		waitq_wake_all(&u->socket.writable, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	unix_put(u);
}

void unix_message_free(struct unix_message *m)
{
	if (m->rights != NULL)
		unix_rights_discard(unix_rights_take(m));
	uncharge(m);
	packet_free(&m->packet);
}

void unix_messages_free(struct list *messages)
{
	struct unix_message *m;

	while ((m = list_first(messages, struct unix_message, packet.link)) != NULL) {
		list_remove(&m->packet.link);
		unix_message_free(m);
	}
}

/* ---- sending ---- */

static bool may_send(struct unix_socket *u)
{
	return atomic_load(&u->nr_sent) < READ_ONCE(u->socket.send_limit) ||
	       READ_ONCE(u->socket.error) != 0 || (READ_ONCE(u->shutdown) & UNIX_NO_SEND) != 0;
}

int unix_wait_send(struct unix_socket *u, unsigned flags)
{
	nsec_t timeout = READ_ONCE(u->socket.send_timeout_ns);
	int err = socket_take_error(&u->socket);

	if (err != 0)
		return err;
	if ((READ_ONCE(u->shutdown) & UNIX_NO_SEND) != 0)
		return -EPIPE;
	if (may_send(u))
		return 0;
	if ((flags & MSG_DONTWAIT) != 0)
		return -EAGAIN;
	err = wait_event(&u->socket.writable, may_send(u), WAIT_INTERRUPTIBLE,
			 socket_deadline(timeout));
	if (err != 0)
		return socket_wait_error(err, timeout);
	err = socket_take_error(&u->socket);
	if (err != 0)
		return err;
	return (READ_ONCE(u->shutdown) & UNIX_NO_SEND) != 0 ? -EPIPE : 0;
}

void unix_message_sign(struct unix_message *m, const struct socket_message *from,
		       const struct unix_socket *to)
{
	const struct cred *c = cred_current();

	m->has_cred = true;
	if (from->has_cred) {
		m->cred = from->cred;
		m->birth = from->birth;
	} else if (unix_wants_sender(m->sender) || unix_wants_sender(to) || READ_ONCE(to->embryo)) {
		m->cred = (struct socket_cred){ socket_host.current_pid(), c->uid, c->gid };
		m->birth = socket_host.current_birth();
	} else {
		m->has_cred = false;
	}
}

void unix_message_tell_sender(const struct unix_message *msg, const struct unix_socket *u,
			      struct socket_message *m)
{
	m->has_cred = socket_option_is_on(&u->socket, SO_PASSCRED);
	m->has_pidfd = socket_option_is_on(&u->socket, SO_PASSPIDFD);
	m->cred = msg->has_cred ? msg->cred : (struct socket_cred){ 0, UINT32_MAX, UINT32_MAX };
	m->birth = msg->birth;
}

static int append(struct unix_socket *to, struct unix_message *m)
{
	scoped_spin(&to->socket.lock);
	if (to->closed || (to->shutdown & UNIX_NO_RECEIVE) != 0)
		return -EPIPE;
	list_append(&to->queue, &m->packet.link);
	to->bytes_queued += m->packet.len;
	atomic_store(&to->nr_queued, to->nr_queued + 1);
	atomic_store(&to->nr_arrived, to->nr_arrived + 1);
	return 0;
}

/* The files are under way, and the message that has them is in a queue, in one step: garbage.c
 * never sees one without the other. */
static int append_with_rights(struct unix_socket *to, struct unix_message *m,
			      struct socket_message *from)
{
	int err;

	mutex_lock(&unix_rights_lock);
	err = unix_rights_depart_locked(from->rights);
	if (err == 0) {
		m->rights = from->rights;
		err = append(to, m);
		if (err == 0)
			from->rights = NULL;
		else
			unix_rights_arrive_locked(from->rights);
		if (err != 0)
			m->rights = NULL;
	}
	mutex_unlock(&unix_rights_lock);
	return err;
}

int unix_deliver(struct unix_socket *to, struct unix_message *m, struct socket_message *from)
{
	int err;

	unix_message_sign(m, from, to);
	err = from->rights == NULL ? append(to, m) : append_with_rights(to, m, from);
	if (err == 0)
		waitq_wake_all(&to->socket.readable, EPOLLIN | EPOLLRDNORM);
	return err;
}

/* ---- receiving ---- */

struct unix_message *unix_queue_next(struct unix_socket *u, struct unix_message *m)
{
	struct list *at;

	scoped_spin(&u->socket.lock);
	at = m == NULL ? u->queue.next : m->packet.link.next;
	return at == &u->queue ? NULL : list_entry(at, struct unix_message, packet.link);
}

/* Datagram senders poll for room in here. */
static void wake_followers_locked(struct unix_socket *u)
{
	struct unix_socket *f;

	list_foreach(&u->followers, f, follow_link)
		waitq_wake_all(&f->socket.writable, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
}

void unix_queue_remove(struct unix_socket *u, struct unix_message *m)
{
	bool was_full;

	spin_lock(&u->socket.lock);
	was_full = u->nr_queued > READ_ONCE(u->backlog);
	list_remove(&m->packet.link);
	u->bytes_queued -= packet_left(&m->packet);
	atomic_store(&u->nr_queued, u->nr_queued - 1);
	if (was_full)
		wake_followers_locked(u);
	spin_unlock(&u->socket.lock);
	if (was_full)
		waitq_wake_all(&u->room, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
}

void unix_message_name(const struct unix_message *m, struct socket_message *to)
{
	const struct unix_name *n = atomic_load(&m->sender->name);

	if (to->name == NULL)
		return;
	if (n != NULL)
		*to->name = n->address;
	else
		to->name->len = 0;
}

size_t unix_peek_start(struct unix_socket *u, unsigned flags)
{
	int offset = READ_ONCE(u->socket.peek_offset);

	return (flags & MSG_PEEK) != 0 && offset > 0 ? (size_t)offset : 0;
}

void unix_peek_moved(struct unix_socket *u, unsigned flags, size_t n)
{
	if (READ_ONCE(u->socket.peek_offset) < 0)
		return;
	scoped_spin(&u->socket.lock);
	if (u->socket.peek_offset < 0)
		return;
	if ((flags & MSG_PEEK) != 0)
		u->socket.peek_offset += (int)n;
	else
		u->socket.peek_offset = max(u->socket.peek_offset - (int)n, 0);
}
