/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's bytes: send(2), recv(2) (tcp(7), RFC 9293 §3.10.2, §3.10.3). A send is cut into packets
 * that are queued at the peer; a receive goes over their boundaries, but stops at the urgent mark.
 */
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "net/inet/tcp.h"

#define PART_MAX (32 * 1024ul) /* most bytes in one packet */

/* ---- send ---- */

static bool has_ended(const struct tcp_socket *u)
{
	return READ_ONCE(u->inet.socket.error) != 0 ||
	       (atomic_load(&u->ends) & STREAM_NO_SEND) != 0;
}

/* Why nothing can be sent. */
static int end_error(struct tcp_socket *u)
{
	int err = socket_take_error(&u->inet.socket);

	return err != 0 ? err : -EPIPE;
}

/* Until a connect that is under way has ended. */
static int wait_joined(struct tcp_socket *u, unsigned flags)
{
	nsec_t timeout = READ_ONCE(u->inet.socket.send_timeout_ns);
	int err = 0;

	if (atomic_load(&u->state) == STREAM_CONNECTING && (flags & MSG_DONTWAIT) != 0)
		return -EAGAIN;
	if (atomic_load(&u->state) == STREAM_CONNECTING)
		err = wait_event(&u->inet.socket.writable,
				 atomic_load(&u->state) != STREAM_CONNECTING, WAIT_INTERRUPTIBLE,
				 socket_deadline(timeout));
	if (err != 0)
		return socket_wait_error(err, timeout);
	return atomic_load(&u->state) != STREAM_JOINED || has_ended(u) ? end_error(u) : 0;
}

static bool has_room(const struct tcp_socket *u, const struct tcp_socket *peer)
{
	return atomic_load(&u->nr_sent) < tcp_send_room(u, peer);
}

static int wait_room(struct tcp_socket *u, struct tcp_socket *peer, unsigned flags)
{
	nsec_t timeout;
	int err;

	if (has_ended(u))
		return end_error(u);
	if (has_room(u, peer))
		return 0;
	if ((flags & MSG_DONTWAIT) != 0)
		return -EAGAIN;
	timeout = READ_ONCE(u->inet.socket.send_timeout_ns);
	err = wait_event(&u->inet.socket.writable, has_room(u, peer) || has_ended(u),
			 WAIT_INTERRUPTIBLE, socket_deadline(timeout));
	if (err != 0)
		return socket_wait_error(err, timeout);
	return has_ended(u) ? end_error(u) : 0;
}

int tcp_deliver(struct tcp_socket *to, struct packet *p)
{
	scoped_spin(&to->inet.socket.lock);
	if ((to->ends & STREAM_GONE) != 0)
		return -ECONNRESET;
	list_append(&to->queue, &p->link);
	atomic_store(&to->bytes_queued, to->bytes_queued + p->len);
	atomic_store(&to->nr_arrived, to->nr_arrived + 1);
	return 0;
}

/* p is full, and goes. */
static void send_packet(struct tcp_socket *u, struct tcp_socket *peer, struct packet *p,
			bool urgent)
{
	int err;

	(void)atomic_add(&u->nr_sent, p->charge);
	(void)atomic_add(&u->bytes_sent, p->len);
	err = urgent ? tcp_deliver_urgent(peer, p) : tcp_deliver(peer, p);
	if (err == 0) {
		waitq_wake_all(&peer->inet.socket.readable,
			       EPOLLIN | EPOLLRDNORM | (urgent ? EPOLLPRI : 0));
		return;
	}
	/* It went to a socket that is closed, and the answer is back at once. */
	(void)atomic_sub(&u->nr_sent, p->charge);
	packet_free(p);
	tcp_receive_reset(u);
}

/* The next part of m's bytes: how many, or -Exxx. The last byte of an urgent send goes alone. */
static ssize_t send_part(struct tcp_socket *u, struct tcp_socket *peer, struct socket_message *m)
{
	size_t left = m->data->left, len = min(left, PART_MAX);
	bool oob = (m->flags & MSG_OOB) != 0, urgent = oob && left == 1;
	struct packet *p;
	int err = wait_room(u, peer, m->flags);

	if (err != 0)
		return err;
	if (oob && !urgent && len == left)
		len--;
	p = packet_new(sizeof(*p), len);
	if (p == NULL)
		return -ENOMEM;
	err = packet_fill(p, m->data);
	if (err != 0) {
		packet_free(p);
		return err;
	}
	send_packet(u, peer, p, urgent);
	return (ssize_t)len;
}

/* MSG_FASTOPEN: connect and send in one. */
static int connect_first(struct socket *s, const struct socket_message *m)
{
	if ((m->flags & MSG_FASTOPEN) == 0 || atomic_load(&tcp_of(s)->state) == STREAM_JOINED)
		return 0;
	if (m->name == NULL)
		return -EINVAL;
	return tcp_connect(s, m->name, (m->flags & MSG_DONTWAIT) != 0);
}

ssize_t tcp_send(struct socket *s, struct socket_message *m)
{
	struct tcp_socket *u = tcp_of(s), *peer;
	ssize_t total = 0, n = connect_first(s, m);

	if (n == 0)
		n = wait_joined(u, m->flags);
	if (n != 0)
		return n;
	peer = tcp_peer_get(u);
	if (peer == NULL)
		return -EPIPE;
	while (n >= 0 && m->data->left > 0) {
		/* An error that is met after some bytes is told by the next call. */
		if (total > 0 && has_ended(u))
			break;
		n = send_part(u, peer, m);
		if (n > 0)
			total += n;
	}
	tcp_put(peer);
	return total > 0 ? total : n;
}

/* ---- receive ---- */

struct reader {
	struct tcp_socket *u;
	struct socket_message *m;
	size_t target; /* bytes after which it does not wait */
	size_t total;
	uint64_t nr_seen;  /* of u->nr_arrived */
	struct packet *at; /* the last one that was peeked at, or NULL: start at the first */
};

/* The next packet, or NULL; *mark: it is the urgent byte, and that is not read inline. */
static struct packet *next_packet(struct reader *r, bool *mark, bool *stop)
{
	struct tcp_socket *u = r->u;
	struct list *at;
	struct packet *p;

	scoped_spin(&u->inet.socket.lock);
	r->nr_seen = u->nr_arrived;
	at = r->at == NULL ? u->queue.next : r->at->link.next;
	if (at == &u->queue)
		return NULL;
	p = list_entry(at, struct packet, link);
	*mark = tcp_is_mark_locked(u, p);
	*stop = p == u->urgent && r->total > 0;
	return p;
}

/* p is off the queue: its sender has room again. */
static void release(struct tcp_socket *u, struct packet *p)
{
	struct tcp_socket *peer = u->peer; /* changes under the read lock only, which is held */
	size_t left, low;

	if (peer != NULL) {
		left = atomic_sub(&peer->nr_sent, p->charge);
		low = tcp_send_room(peer, u) / 3 * 2;
		if (left <= low && left + p->charge > low)
			waitq_wake_all(&peer->inet.socket.writable, EPOLLOUT | EPOLLWRNORM);
	}
	packet_free(p);
}

/* n bytes of p, the first of the queue, are read. */
static void consume(struct tcp_socket *u, struct packet *p, size_t n)
{
	bool all;

	spin_lock(&u->inet.socket.lock);
	p->offset += n;
	atomic_store(&u->bytes_queued, u->bytes_queued - n);
	all = packet_left(p) == 0;
	if (all)
		list_remove(&p->link);
	tcp_passed_locked(u, p);
	spin_unlock(&u->inet.socket.lock);
	(void)atomic_add(&u->bytes_received, n);
	if (all)
		release(u, p);
}

static bool has_news(struct reader *r)
{
	struct tcp_socket *u = r->u;

	return atomic_load(&u->nr_arrived) != r->nr_seen || READ_ONCE(u->inet.socket.error) != 0 ||
	       (atomic_load(&u->ends) & STREAM_NO_RECEIVE) != 0 ||
	       atomic_load(&u->state) != STREAM_JOINED;
}

/* With nothing to read and nothing read: 1 = wait, 0 = the end, -Exxx. */
static int nothing_read(struct tcp_socket *u)
{
	unsigned ends = atomic_load(&u->ends);
	int err;

	if ((ends & STREAM_GOT_FIN) != 0)
		return 0;
	err = socket_take_error(&u->inet.socket);
	if (err != 0)
		return err;
	if ((ends & STREAM_NO_RECEIVE) != 0)
		return 0;
	return atomic_load(&u->state) == STREAM_JOINED ? 1 : -ENOTCONN;
}

/* Nothing more to read now. 1 = go on looking. The read lock is let go of to sleep. */
static int wait_packet(struct reader *r, nsec_t deadline)
{
	struct tcp_socket *u = r->u;
	nsec_t timeout = READ_ONCE(u->inet.socket.receive_timeout_ns);
	int err = r->total == 0 ? nothing_read(u) : !has_news(r);

	if (atomic_load(&u->nr_arrived) != r->nr_seen)
		return 1; /* it came before the end did */
	if (err <= 0)
		return err;
	if ((r->m->flags & MSG_DONTWAIT) != 0)
		return -EAGAIN;
	mutex_unlock(&u->read_lock);
	err = wait_event(&u->inet.socket.readable, has_news(r), WAIT_INTERRUPTIBLE, deadline);
	mutex_lock(&u->read_lock);
	return err != 0 ? socket_wait_error(err, timeout) : 1;
}

/* MSG_TRUNC: the bytes go nowhere. */
static size_t move(struct reader *r, struct packet *p, size_t n)
{
	if ((r->m->flags & MSG_TRUNC) == 0)
		return packet_read(p, p->offset, r->m->data, n);
	uio_skip(r->m->data, n);
	return n;
}

/* Reads one packet: 1 = go on, 0 = enough, or -Exxx. */
static int read_packet(struct reader *r, struct packet *p)
{
	size_t n = min(packet_left(p), r->m->data->left), got = move(r, p, n);

	if (got == 0 && n > 0)
		return r->total > 0 ? 0 : -EFAULT;
	r->total += got;
	if ((r->m->flags & MSG_PEEK) != 0)
		r->at = p;
	else
		consume(r->u, p, got);
	return got == n && r->m->data->left > 0;
}

static int read_some(struct reader *r, nsec_t deadline)
{
	bool mark = false, stop = false, peek = (r->m->flags & MSG_PEEK) != 0;
	struct packet *p = next_packet(r, &mark, &stop);

	if (p == NULL)
		return r->total >= r->target || (peek && r->total > 0) ? 0
								       : wait_packet(r, deadline);
	if (stop)
		return 0;
	if (!mark)
		return read_packet(r, p);
	/* The urgent byte is stepped over. */
	if (peek)
		r->at = p;
	else
		consume(r->u, p, 1);
	return 1;
}

ssize_t tcp_receive(struct socket *s, struct socket_message *m)
{
	struct tcp_socket *u = tcp_of(s);
	struct reader r = { .u = u, .m = m };
	nsec_t deadline = socket_deadline(READ_ONCE(s->receive_timeout_ns));
	int err;

	if ((m->flags & MSG_ERRQUEUE) != 0)
		return -EAGAIN; /* what is in it would be of the wire */
	if (atomic_load(&u->state) == STREAM_LISTENING)
		return -ENOTCONN;
	if ((m->flags & MSG_OOB) != 0)
		return tcp_receive_urgent(u, m);
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
	return r.total > 0 ? (ssize_t)r.total : err;
}
