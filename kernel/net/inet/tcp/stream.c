/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's bytes: send(2), recv(2) (tcp(7), RFC 9293 §3.10.2, §3.10.3). What is sent is copied into
 * netbufs, as much at a time as there is room for; what is received is copied out of the engine's
 * queue with no lock but the readers' own. A receive stops at the urgent mark.
 */
#include <linux/eventpoll.h>
#include <linux/tcp.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "net/inet/tcp/tcp.h"

#define PART_MAX   65536u
#define PART_MIN   2048u /* even if there is less room: no crumbs */
#define LINEAR_MAX 1800u /* bytes; more are in pages */

/* ---- send ---- */

static bool has_ended(const struct tcp_socket *u)
{
	return tcp_socket_has_error(u) || (tcp_socket_ends(u) & TCP_NO_SEND) != 0;
}

/* Why nothing can be sent. */
static int end_error(struct tcp_socket *u)
{
	int err = tcp_socket_take_error(u);

	return err != 0 ? err : -EPIPE;
}

/* Until a connect that is under way has ended. */
static int wait_connected(struct tcp_socket *u, unsigned flags)
{
	nsec_t timeout = READ_ONCE(u->inet.socket.send_timeout_ns);
	enum tcp_state state;
	int err = 0;

	if (tcp_socket_is_connecting(u) && (flags & MSG_DONTWAIT) != 0)
		return -EAGAIN;
	if (tcp_socket_is_connecting(u))
		err = wait_event(&u->inet.socket.writable, !tcp_socket_is_connecting(u),
				 WAIT_INTERRUPTIBLE, socket_deadline(timeout));
	if (err != 0)
		return socket_wait_error(err, timeout);
	state = tcp_state(&u->tcp);
	return state == TCP_STATE_CLOSED || state == TCP_STATE_LISTEN || has_ended(u) ? end_error(u)
										      : 0;
}

static int wait_room(struct tcp_socket *u, unsigned flags, uint32_t *room)
{
	nsec_t timeout;
	int err;

	if (has_ended(u))
		return end_error(u);
	*room = tcp_room(&u->tcp);
	if (*room > 0)
		return 0;
	tcp_push(&u->tcp);
	net_run();
	if ((flags & MSG_DONTWAIT) != 0) {
		*room = tcp_room(&u->tcp);
		return *room > 0 ? 0 : -EAGAIN;
	}
	timeout = READ_ONCE(u->inet.socket.send_timeout_ns);
	err = wait_event(&u->inet.socket.writable, (*room = tcp_room(&u->tcp)) > 0 || has_ended(u),
			 WAIT_INTERRUPTIBLE, socket_deadline(timeout));
	if (err != 0)
		return socket_wait_error(err, timeout);
	return has_ended(u) ? end_error(u) : 0;
}

static unsigned flags_of(const struct socket_message *m)
{
	bool is_last = m->data->left == 0;

	if (!is_last || (m->flags & MSG_MORE) != 0)
		return TCP_SEND_MORE;
	return (m->flags & MSG_OOB) != 0 ? TCP_SEND_URGENT : 0;
}

/* The next part of m's bytes: how many, or -Exxx. */
static ssize_t send_part(struct tcp_socket *u, struct socket_message *m)
{
	uint32_t room = 0, len;
	struct netbuf *b;
	int err = wait_room(u, m->flags, &room);

	if (err != 0)
		return err;
	room = min(max(room, PART_MIN), PART_MAX);
	len = (uint32_t)min(m->data->left, (size_t)room);
	if (m->loan != NULL)
		len = (uint32_t)min((size_t)len, uio_reach(m->data, NETBUF_PARTS_MAX));
	b = netbuf_new(m->loan == NULL && len <= LINEAR_MAX ? len : 0);
	if (b == NULL)
		return -ENOMEM;
	netbuf_lend(b, m->loan);
	err = netbuf_fill(b, m->data, len);
	if (err != 0) {
		netbuf_free(b);
		return err;
	}
	err = tcp_send(&u->tcp, b, flags_of(m));
	if (err == -EPIPE || err == -ENOTCONN)
		return end_error(u);
	return err != 0 ? err : (ssize_t)len;
}

/* MSG_FASTOPEN: connect and send in one. */
static int connect_first(struct socket *s, const struct socket_message *m)
{
	if ((m->flags & MSG_FASTOPEN) == 0 || tcp_state(&tcp_socket_of(s)->tcp) != TCP_STATE_CLOSED)
		return 0;
	if (m->name == NULL)
		return -EINVAL;
	return tcp_socket_connect(s, m->name, (m->flags & MSG_DONTWAIT) != 0);
}

static ssize_t send_all(struct tcp_socket *u, struct socket_message *m)
{
	ssize_t total = 0, n = 0;

	while (n >= 0 && m->data->left > 0) {
		/* An error that is met after some bytes is told by the next call. */
		if (total > 0 && has_ended(u))
			break;
		n = send_part(u, m);
		if (n > 0)
			total += n;
	}
	if (m->data->left > 0 && total > 0 && (m->flags & MSG_MORE) == 0)
		tcp_push(&u->tcp);
	return total > 0 ? total : n;
}

ssize_t tcp_socket_send(struct socket *s, struct socket_message *m)
{
	struct tcp_socket *u = tcp_socket_of(s);
	bool lends = inet_is_lending(&u->inet, m);
	ssize_t n = connect_first(s, m);

	if (n == 0)
		n = wait_connected(u, m->flags);
	if (n == 0 && lends)
		n = inet_lend(&u->inet, m);
	if (n != 0)
		return n;
	n = send_all(u, m);
	if (lends)
		inet_lend_end(&u->inet, m, n > 0);
	net_run();
	return n;
}

/* ---- receive ---- */

struct reader {
	struct tcp_socket *u;
	struct socket_message *m;
	size_t target; /* bytes after which it does not wait */
	size_t total;
};

static bool peeks(const struct reader *r)
{
	return (r->m->flags & MSG_PEEK) != 0;
}

/* Is the next byte the urgent one, and not to be read here? */
static bool is_at_hole(struct tcp_socket *u)
{
	return atomic_load(&u->tcp.urgent) != TCP_URGENT_NONE && tcp_is_at_mark(&u->tcp) &&
	       !socket_option_is_on(&u->inet.socket, SO_OOBINLINE);
}

/* How many bytes may be read in one go now. */
static uint32_t available(struct tcp_socket *u)
{
	uint32_t n = READ_ONCE(u->tcp.in_bytes) == 0 ? 0 : tcp_run(&u->tcp);

	return n > 0 && is_at_hole(u) ? n - 1 : n;
}

static bool has_news(struct reader *r)
{
	struct tcp_socket *u = r->u;

	return available(u) > 0 || tcp_socket_has_error(u) ||
	       (tcp_socket_ends(u) & TCP_NO_RECEIVE) != 0 || tcp_state(&u->tcp) == TCP_STATE_CLOSED;
}

/* With nothing to read and nothing read: 1 = wait, 0 = the end, -Exxx. */
static int nothing_read(struct tcp_socket *u)
{
	int err;

	if (READ_ONCE(u->tcp.got_fin))
		return 0;
	err = tcp_socket_take_error(u);
	if (err != 0)
		return err;
	if ((tcp_socket_ends(u) & TCP_NO_RECEIVE) != 0)
		return 0;
	return tcp_state(&u->tcp) != TCP_STATE_CLOSED ? 1 : -ENOTCONN;
}

/* Nothing more to read now. 1 = go on looking. The read lock is let go of to sleep. */
static int wait_bytes(struct reader *r, nsec_t deadline)
{
	struct tcp_socket *u = r->u;
	nsec_t timeout = READ_ONCE(u->inet.socket.receive_timeout_ns);
	int err = r->total == 0 ? nothing_read(u) : !has_news(r);

	if (available(u) > 0)
		return 1; /* it came before the end did */
	if (err <= 0)
		return err;
	if ((r->m->flags & MSG_DONTWAIT) != 0)
		return -EAGAIN;
	mutex_unlock(&u->read_lock);
	net_run();
	err = wait_event(&u->inet.socket.readable, has_news(r), WAIT_INTERRUPTIBLE, deadline);
	mutex_lock(&u->read_lock);
	return err != 0 ? socket_wait_error(err, timeout) : 1;
}

/* MSG_TRUNC: the bytes go nowhere. */
static uint32_t move(struct reader *r, const struct netbuf *b, uint32_t offset, uint32_t n)
{
	if ((r->m->flags & MSG_TRUNC) == 0)
		return netbuf_read(b, offset, r->m->data, n);
	uio_skip(r->m->data, n);
	return n;
}

/* The first netbuf's bytes, at most `most`: 1 = go on, 0 = enough, or -Exxx. */
static int read_first(struct reader *r, uint32_t most)
{
	uint32_t offset, n, got;
	struct netbuf *b = tcp_first(&r->u->tcp, &offset);

	n = min(most, b->len - offset);
	n = (uint32_t)min((size_t)n, r->m->data->left);
	got = move(r, b, offset, n);
	if (got == 0 && n > 0)
		return r->total > 0 ? 0 : -EFAULT;
	r->total += got;
	tcp_consumed(&r->u->tcp, got);
	return got == n && r->m->data->left > 0;
}

/* All that there is to see, but for `skip` bytes: as read_first. */
static int peek(struct reader *r, uint32_t skip, uint32_t most)
{
	struct tcp *t = &r->u->tcp;
	uint32_t offset, left = (uint32_t)min((size_t)most, r->m->data->left);
	struct netbuf *b = tcp_first(t, &offset);

	for (offset += skip; b != NULL && left > 0; b = tcp_next(t, b)) {
		uint32_t n = offset < b->len ? min(b->len - offset, left) : 0;
		uint32_t got = move(r, b, offset, n);

		offset = offset < b->len ? 0 : offset - b->len;
		left -= got;
		r->total += got;
		if (got < n)
			return r->total > 0 ? 0 : -EFAULT;
	}
	return 0;
}

static int read_some(struct reader *r, nsec_t deadline)
{
	struct tcp *t = &r->u->tcp;
	uint32_t n = available(r->u);

	if (r->total > 0 && (peeks(r) || tcp_is_at_mark(t)))
		return 0;
	if (n > 0 && peeks(r))
		return peek(r, is_at_hole(r->u), n);
	if (n > 0 && is_at_hole(r->u))
		tcp_pass_mark(t);
	if (n > 0)
		return read_first(r, n);
	return r->total >= r->target ? 0 : wait_bytes(r, deadline);
}

static ssize_t receive_urgent(struct tcp_socket *u, struct socket_message *m)
{
	uint8_t byte;
	int n = tcp_urgent(&u->tcp, (m->flags & MSG_PEEK) != 0, &byte);

	if (n < 1)
		return n;
	m->out_flags |= MSG_OOB;
	if (m->data->left == 0) {
		m->out_flags |= MSG_TRUNC;
		return 0;
	}
	if ((m->flags & MSG_TRUNC) != 0)
		return 1;
	return uio_copy_to(m->data, &byte, 1) == 1 ? 1 : -EFAULT;
}

/* TCP_INQ: how much there is still to read; 1 if that is the end alone. */
static void note_left(struct tcp_socket *u, struct socket_message *m)
{
	int left = (int)tcp_readable(&u->tcp);

	if (left == 0 && READ_ONCE(u->tcp.got_fin))
		left = 1;
	socket_notes_add(m->notes, IPPROTO_TCP, TCP_CM_INQ, &left, sizeof(left));
}

ssize_t tcp_socket_receive(struct socket *s, struct socket_message *m)
{
	struct tcp_socket *u = tcp_socket_of(s);
	struct reader r = { .u = u, .m = m };
	nsec_t deadline = socket_deadline(READ_ONCE(s->receive_timeout_ns));
	int err;

	if ((m->flags & MSG_ERRQUEUE) != 0)
		return inet_error_receive(&u->inet, m);
	if (tcp_state(&u->tcp) == TCP_STATE_LISTEN)
		return -ENOTCONN;
	if ((m->flags & MSG_OOB) != 0)
		return receive_urgent(u, m);
	r.target = (m->flags & MSG_WAITALL) != 0
			   ? m->data->left
			   : min((size_t)READ_ONCE(s->receive_low), m->data->left);
	r.target = max(r.target, (size_t)1);
	if (m->data->left == 0)
		return 0;
	mutex_lock(&u->read_lock);
	do {
		err = read_some(&r, deadline);
	} while (err > 0);
	mutex_unlock(&u->read_lock);
	net_run();
	if (m->notes != NULL && err >= 0 && inet_option(&u->inet, IPPROTO_TCP, TCP_INQ) != 0)
		note_left(u, m);
	return r.total > 0 ? (ssize_t)r.total : err;
}
