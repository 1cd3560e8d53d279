/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages on their way to sockets. Each hearer of a group gets a copy. A queue is bounded by
 * SO_RCVBUF: what finds it full is lost, and the program learns so by ENOBUFS, once, and hears no
 * more until it has read what there is (netlink(7)); NETLINK_NO_ENOBUFS spares it that. Of answers
 * the last one may go beyond the bound, so that each of them comes to who has read the others.
 */
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/netlink/netlink.h"

static size_t charge_of(const struct netlink_message *m)
{
	return sizeof(*m) + m->room;
}

/* ---- in ---- */

static bool append(struct netlink_socket *n, struct netlink_message *m, bool is_answer)
{
	size_t charge = charge_of(m), limit = READ_ONCE(n->socket.receive_limit);

	scoped_spin(&n->socket.lock);
	if (is_answer ? n->charged > limit : n->is_congested || n->charged + charge > limit) {
		n->is_congested = true;
		return false;
	}
	list_append(&n->queue, &m->link);
	atomic_store(&n->charged, n->charged + charge);
	return true;
}

static void overrun(struct netlink_socket *n)
{
	(void)atomic_add(&n->nr_dropped, 1);
	if (netlink_option_is_on(n, NETLINK_NO_ENOBUFS))
		return;
	atomic_store(&n->socket.error, ENOBUFS);
	socket_wake(&n->socket, EPOLLERR);
}

bool netlink_queue(struct netlink_socket *n, struct netlink_message *m, bool is_answer)
{
	if (append(n, m, is_answer)) {
		waitq_wake_all(&n->socket.readable, EPOLLIN | EPOLLRDNORM);
		return true;
	}
	overrun(n);
	kmem_free(m);
	return false;
}

static struct netlink_socket *find_port(int protocol, uint32_t port)
{
	struct netlink_socket *n;

	scoped_spin(&netlink_lock);
	list_foreach(&netlink_all, n, link) {
		if (n->socket.protocol == protocol && n->port == port) {
			socket_get(&n->socket);
			return n;
		}
	}
	return NULL;
}

int netlink_send_to_port(struct netlink_socket *from, uint32_t port, struct netlink_message *m)
{
	struct netlink_socket *n = find_port(from->socket.protocol, port);
	uint32_t only;
	int err = 0;

	if (n == NULL) {
		kmem_free(m);
		return -ECONNREFUSED;
	}
	only = atomic_load(&n->peer_port);
	if (only != 0 && only != from->port) { /* it hears one peer only */
		kmem_free(m);
		err = -ECONNREFUSED;
	} else if (append(n, m, false)) {
		waitq_wake_all(&n->socket.readable, EPOLLIN | EPOLLRDNORM);
	} else {
		kmem_free(m);
		err = -EAGAIN;
	}
	socket_put(&n->socket);
	return err;
}

static struct netlink_message *copy_of(const struct netlink_message *m)
{
	struct netlink_message *c = netlink_message_new(m->len);

	if (c == NULL)
		return NULL;
	c->len = m->len;
	c->from = m->from;
	c->group = m->group;
	c->cred = m->cred;
	memcpy(c->bytes, m->bytes, m->len);
	return c;
}

void netlink_send_to_group(int protocol, struct netlink_socket *except, struct netlink_message *m)
{
	struct netlink_socket *n;

	spin_lock(&netlink_lock);
	list_foreach(&netlink_all, n, link) {
		struct netlink_message *c;

		if (n->socket.protocol != protocol || n == except ||
		    (n->groups >> (m->group - 1) & 1) == 0)
			continue;
		c = copy_of(m);
		if (c == NULL)
			overrun(n);
		else
			(void)netlink_queue(n, c, false);
	}
	spin_unlock(&netlink_lock);
	kmem_free(m);
}

void netlink_queue_clear(struct netlink_socket *n)
{
	struct netlink_message *m;

	while ((m = list_first(&n->queue, struct netlink_message, link)) != NULL) {
		list_remove(&m->link);
		kmem_free(m);
	}
}

/* ---- out ---- */

/* The first one: it is taken, or with `peek` a copy of it. False: no memory for that. */
static bool take_first(struct netlink_socket *n, bool peek, struct netlink_message **m)
{
	scoped_spin(&n->socket.lock);
	*m = list_first(&n->queue, struct netlink_message, link);
	if (*m == NULL)
		return true;
	if (peek) {
		*m = copy_of(*m);
		return *m != NULL;
	}
	list_remove(&(*m)->link);
	atomic_store(&n->charged, n->charged - charge_of(*m));
	if (list_is_empty(&n->queue))
		n->is_congested = false;
	return true;
}

static bool has_news(struct netlink_socket *n)
{
	return atomic_load(&n->charged) > 0 || READ_ONCE(n->socket.error) != 0;
}

static int take(struct netlink_socket *n, unsigned flags, struct netlink_message **m)
{
	struct socket *s = &n->socket;
	nsec_t timeout = READ_ONCE(s->receive_timeout_ns), deadline = socket_deadline(timeout);

	for (;;) {
		int err = socket_take_error(s);

		if (err != 0)
			return err;
		if (!take_first(n, (flags & MSG_PEEK) != 0, m))
			return -ENOBUFS;
		if (*m != NULL)
			return 0;
		if ((flags & MSG_DONTWAIT) != 0)
			return -EAGAIN;
		err = wait_event(&s->readable, has_news(n), WAIT_INTERRUPTIBLE, deadline);
		if (err != 0)
			return socket_wait_error(err, timeout);
	}
}

/* What is told beside it: who sent it, to which group. */
static void tell(struct netlink_socket *n, const struct netlink_message *from,
		 struct socket_message *m)
{
	struct nl_pktinfo info = { .group = from->group };
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_pid = from->from };

	if (from->group > 0 && from->group <= 32)
		a.nl_groups = 1u << (from->group - 1);
	if (m->name != NULL) {
		m->name->len = sizeof(a);
		memcpy(m->name->bytes, &a, sizeof(a));
	}
	if (netlink_option_is_on(n, NETLINK_PKTINFO) && m->notes != NULL)
		socket_notes_add(m->notes, SOL_NETLINK, NETLINK_PKTINFO, &info, sizeof(info));
	if (socket_option_is_on(&n->socket, SO_PASSCRED)) {
		m->has_cred = true;
		m->cred = from->cred;
	}
}

ssize_t netlink_receive(struct socket *s, struct socket_message *m)
{
	struct netlink_socket *n = netlink_of(s);
	struct netlink_message *from = NULL;
	ssize_t result;
	size_t len;
	int err;

	if ((m->flags & (MSG_OOB | MSG_ERRQUEUE)) != 0)
		return -EOPNOTSUPP;
	err = take(n, m->flags, &from);
	if (err != 0)
		return err;
	len = min((size_t)from->len, m->data->left);
	result = (m->flags & MSG_TRUNC) != 0 ? (ssize_t)from->len : (ssize_t)len;
	if (len < from->len)
		m->out_flags |= MSG_TRUNC;
	if (uio_copy_to(m->data, from->bytes, len) < len)
		result = -EFAULT;
	else
		tell(n, from, m);
	kmem_free(from);
	if (atomic_load(&n->dump) != NULL)
		netlink_dump_go_on(n);
	return result;
}
