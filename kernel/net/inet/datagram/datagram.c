/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets with a queue of datagrams: in, out of the queue, poll, shutdown. datagram.h has the
 * theory. */
#include "net/inet/datagram/datagram.h"

#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/net_tstamp.h>

#include "core/time/timer.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user.h"
#include "net/socket/filter.h"
#include "net/counters.h"
#include "net/udp/engine.h"

int datagram_init(struct datagram_socket *d, const struct socket_ops *ops, int type)
{
	int err = inet_init(&d->inet, ops, type);

	if (err != 0)
		return err;
	d->inet.socket.traits = SOCKET_QUIET_PIPE | SOCKET_HAS_FILTER;
	list_init(&d->queue);
	mutex_init(&d->cork_lock);
	return 0;
}

void datagram_fini(struct datagram_socket *d)
{
	netbuf_free_all(&d->queue);
	inet_fini(&d->inet);
}

/* ---- in ---- */

static bool append(struct datagram_socket *d, struct netbuf *b)
{
	struct socket *s = &d->inet.socket;

	scoped_spin(&s->lock);
	if ((d->ends & DATAGRAM_NO_RECEIVE) != 0)
		return false;
	if (d->nr_queued > 0 && d->charged + b->charge > READ_ONCE(s->receive_limit))
		return false;
	list_append(&d->queue, &b->link);
	d->charged += b->charge;
	atomic_store(&d->nr_queued, d->nr_queued + 1);
	return true;
}

static bool wants_time(const struct socket *s)
{
	const struct inet_socket *i = container_of(s, const struct inet_socket, socket);

	return (READ_ONCE(i->stamping) & SOF_TIMESTAMPING_RX_SOFTWARE) != 0 ||
	       socket_option_is_on(s, SO_TIMESTAMP_OLD) ||
	       socket_option_is_on(s, SO_TIMESTAMPNS_OLD);
}

/* The filter sees the transport's header too, which lies before the data. */
static bool is_wanted(struct socket *s, struct netbuf *b, unsigned header)
{
	bool wanted;

	if (READ_ONCE(s->filter) == NULL)
		return true;
	netbuf_push(b, header);
	wanted = filter_takes(s, b, header);
	netbuf_pull(b, header);
	return wanted;
}

/* UDP's own: RFC 4113's, as Linux takes them. */
static void count(struct datagram_socket *d, const struct netbuf *b, enum net_count what)
{
	if (d->inet.socket.protocol == IPPROTO_UDP)
		net_count(d->inet.net, netbuf_notes(b, const struct udp_info)->ip.v4, what);
}

void datagram_arrived(struct datagram_socket *d, struct netbuf *b, unsigned header)
{
	struct socket *s = &d->inet.socket;

	if (!is_wanted(s, b, header)) {
		(void)atomic_add(&d->nr_dropped, 1);
		netbuf_free(b);
		return;
	}
	if (b->time_ns == 0 && wants_time(s))
		b->time_ns = clock_realtime();
	if (append(d, b)) {
		waitq_wake_all(&s->readable, EPOLLIN | EPOLLRDNORM);
		return;
	}
	(void)atomic_add(&d->nr_dropped, 1);
	count(d, b, NET_COUNT_UDP_IN_ERRORS);
	count(d, b, NET_COUNT_UDP_BUFFER_ERRORS);
	netbuf_free(b);
}

/* ---- out of the queue ---- */

/* *b: the first one, or a clone of it. False: there is one, but no memory for a clone. */
static bool take_first(struct datagram_socket *d, bool peek, struct netbuf **b)
{
	scoped_spin(&d->inet.socket.lock);
	*b = list_first(&d->queue, struct netbuf, link);
	if (*b == NULL)
		return true;
	if (peek) {
		*b = netbuf_clone(*b);
		return *b != NULL;
	}
	list_remove(&(*b)->link);
	d->charged -= (*b)->charge;
	atomic_store(&d->nr_queued, d->nr_queued - 1);
	return true;
}

static bool has_ended(const struct datagram_socket *d)
{
	return (atomic_load(&d->ends) & DATAGRAM_NO_RECEIVE) != 0;
}

static bool has_news(struct datagram_socket *d)
{
	return atomic_load(&d->nr_queued) > 0 || READ_ONCE(d->inet.socket.error) != 0 ||
	       has_ended(d);
}

static int take(struct datagram_socket *d, unsigned flags, struct netbuf **b)
{
	struct socket *s = &d->inet.socket;
	nsec_t timeout = READ_ONCE(s->receive_timeout_ns), deadline = socket_deadline(timeout);

	for (;;) {
		bool ended = has_ended(d);
		int err = socket_take_error(s);

		if (err != 0)
			return err;
		if (!take_first(d, (flags & MSG_PEEK) != 0, b))
			return -ENOBUFS;
		if (*b != NULL)
			return 0;
		if ((flags & MSG_DONTWAIT) != 0)
			return -EAGAIN;
		if (ended)
			return 0;
		err = wait_event(&s->readable, has_news(d), WAIT_INTERRUPTIBLE, deadline);
		if (err != 0)
			return socket_wait_error(err, timeout);
	}
}

static ssize_t give(struct netbuf *b, struct socket_message *m)
{
	size_t len = b->len, n = min(len, m->data->left);

	if (netbuf_read(b, 0, m->data, (uint32_t)n) < n)
		return -EFAULT;
	if (n < len)
		m->out_flags |= MSG_TRUNC;
	return (ssize_t)((m->flags & MSG_TRUNC) != 0 ? len : n);
}

ssize_t datagram_receive(struct socket *s, struct socket_message *m)
{
	struct datagram_socket *d = datagram_of(s);
	const struct udp_info *info;
	struct inet_address from;
	struct netbuf *b = NULL;
	ssize_t n;
	int err;

	if ((m->flags & MSG_ERRQUEUE) != 0)
		return inet_error_receive(&d->inet, m);
	err = take(d, m->flags, &b);
	if (err != 0 || b == NULL)
		return err;
	n = give(b, m);
	info = netbuf_notes(b, const struct udp_info);
	if (n >= 0 && m->name != NULL) {
		memcpy(from.ip, info->ip.from, sizeof(from.ip));
		from.port = info->from_port;
		inet_address_write(&d->inet, &from, info->ip.dev_index, m->name);
	}
	if (n >= 0) {
		datagram_note(d, m, b);
		if ((m->flags & MSG_PEEK) == 0)
			count(d, b, NET_COUNT_UDP_IN);
	}
	netbuf_free(b);
	return n;
}

static size_t next_length(struct datagram_socket *d)
{
	struct netbuf *b;

	scoped_spin(&d->inet.socket.lock);
	b = list_first(&d->queue, struct netbuf, link);
	return b == NULL ? 0 : b->len;
}

/* ---- shutdown, poll, ioctl ---- */

long datagram_ioctl(struct socket *s, unsigned cmd, unsigned long arg)
{
	struct datagram_socket *d = datagram_of(s);
	int value;

	if (cmd == FIONREAD)
		value = (int)next_length(d);
	else if (cmd == TIOCOUTQ)
		value = (int)atomic_load(&d->nr_sent);
	else
		return inet_ioctl(s, cmd, arg);
	return user_write_struct(arg, &value);
}

int datagram_shutdown(struct socket *s, int how)
{
	struct datagram_socket *d = datagram_of(s);
	unsigned ends = atomic_or(&d->ends, (unsigned)how + 1) | ((unsigned)how + 1);

	socket_wake(s, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT | EPOLLWRNORM |
			       (ends == DATAGRAM_NO_BOTH ? EPOLLHUP : 0));
	return inet_remote(&d->inet).port == 0 ? -ENOTCONN : 0;
}

unsigned datagram_poll(struct socket *s, struct poll_table *t)
{
	struct datagram_socket *d = datagram_of(s);
	unsigned ends = atomic_load(&d->ends), events = 0;

	if (datagram_is_writable(d))
		events |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	if (READ_ONCE(s->error) != 0)
		events |= EPOLLERR;
	if (atomic_load(&d->inet.nr_errors) > 0)
		events |= EPOLLERR | (socket_option_is_on(s, SO_SELECT_ERR_QUEUE) ? EPOLLPRI : 0);
	if ((ends & DATAGRAM_NO_RECEIVE) != 0)
		events |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (ends == DATAGRAM_NO_BOTH)
		events |= EPOLLHUP;
	if (atomic_load(&d->nr_queued) > 0)
		events |= EPOLLIN | EPOLLRDNORM;
	return events;
}
