/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames in the queue of a packet socket, out of it, and what is told beside one: packet(7). */
#include <linux/eventpoll.h>

#include "core/time/timer.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/socket/filter.h"
#include "net/packet/socket.h"

#define NSEC_PER_USEC 1000
#define ADDRESS_MIN   12u

/* ---- in ---- */

/* socket.lock is held. False: there is no room. *taken: b is in the queue. */
static bool put(struct packet_socket *p, struct netbuf *b, bool *taken)
{
	*taken = false;
	if (p->ring != NULL)
		return packet_ring_put(p, b);
	if (p->nr_queued > 0 && p->charged + b->charge > READ_ONCE(p->socket.receive_limit))
		return false;
	list_append(&p->queue, &b->link);
	p->charged += b->charge;
	atomic_store(&p->nr_queued, p->nr_queued + 1);
	*taken = true;
	return true;
}

static bool filter_and_put(struct packet_socket *p, struct netbuf *b, bool *taken)
{
	struct packet_note *n = netbuf_notes(b, struct packet_note);
	const struct filter_facts facts = { __builtin_bswap16(n->from.sll_protocol),
					    n->from.sll_pkttype };
	bool good;

	n->len = b->len;
	*taken = false;
	if (!filter_takes_frame(&p->socket, b, &facts))
		return false;
	scoped_spin(&p->socket.lock);
	good = put(p, b, taken);
	p->nr_seen++;
	p->nr_dropped += !good;
	return good;
}

void packet_arrived(struct packet_socket *p, struct netbuf *b)
{
	struct packet_note *n = netbuf_notes(b, struct packet_note);
	bool taken;

	if (p->socket.type == SOCK_DGRAM) {
		netbuf_pull(b, PACKET_LINK_HEADER);
		n->network = 0;
	}
	if (filter_and_put(p, b, &taken))
		waitq_wake_all(&p->socket.readable, EPOLLIN | EPOLLRDNORM);
	if (!taken)
		netbuf_free(b);
}

/* ---- out ---- */

/* The first, or a clone of it. False: no memory for that. */
static bool take_first(struct packet_socket *p, bool peek, struct netbuf **b)
{
	scoped_spin(&p->socket.lock);
	*b = list_first(&p->queue, struct netbuf, link);
	if (*b == NULL)
		return true;
	if (peek) {
		*b = netbuf_clone(*b);
		return *b != NULL;
	}
	list_remove(&(*b)->link);
	p->charged -= (*b)->charge;
	atomic_store(&p->nr_queued, p->nr_queued - 1);
	return true;
}

static bool has_news(struct packet_socket *p)
{
	return atomic_load(&p->nr_queued) > 0 || READ_ONCE(p->socket.error) != 0;
}

static int take(struct packet_socket *p, unsigned flags, struct netbuf **b)
{
	struct socket *s = &p->socket;
	nsec_t timeout = READ_ONCE(s->receive_timeout_ns), deadline = socket_deadline(timeout);

	for (;;) {
		int err = socket_take_error(s);

		if (err != 0)
			return err;
		if (!take_first(p, (flags & MSG_PEEK) != 0, b))
			return -ENOBUFS;
		if (*b != NULL)
			return 0;
		if ((flags & MSG_DONTWAIT) != 0)
			return -EAGAIN;
		err = wait_event(&s->readable, has_news(p), WAIT_INTERRUPTIBLE, deadline);
		if (err != 0)
			return socket_wait_error(err, timeout);
	}
}

static void note_time(const struct socket *s, struct socket_message *m, nsec_t ns)
{
	bool in_ns = socket_option_is_on(s, SO_TIMESTAMPNS_OLD);
	int64_t t[2] = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / (in_ns ? 1 : NSEC_PER_USEC) };

	if (in_ns || socket_option_is_on(s, SO_TIMESTAMP_OLD))
		socket_notes_add(m->notes, SOL_SOCKET,
				 in_ns ? SO_TIMESTAMPNS_OLD : SO_TIMESTAMP_OLD, t, sizeof(t));
}

static void tell(struct packet_socket *p, const struct netbuf *b, struct socket_message *m)
{
	const struct packet_note *n = netbuf_notes(b, const struct packet_note);
	struct tpacket_auxdata aux = { .tp_status = TP_STATUS_USER | n->status,
				       .tp_len = n->len,
				       .tp_snaplen = b->len,
				       .tp_net = n->network };

	if (m->name != NULL) {
		m->name->len = ADDRESS_MIN + n->from.sll_halen;
		memcpy(m->name->bytes, &n->from, sizeof(n->from));
	}
	if (m->notes == NULL)
		return;
	note_time(&p->socket, m, b->time_ns);
	if (READ_ONCE(p->wants_auxdata))
		socket_notes_add(m->notes, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof(aux));
}

ssize_t packet_receive(struct socket *s, struct socket_message *m)
{
	struct packet_socket *p = packet_of(s);
	struct netbuf *b = NULL;
	ssize_t n;
	int err;

	if ((m->flags & MSG_ERRQUEUE) != 0)
		return -EAGAIN;
	if ((m->flags & MSG_OOB) != 0)
		return -EINVAL;
	err = take(p, m->flags, &b);
	if (err != 0)
		return err;
	n = (ssize_t)min((size_t)b->len, m->data->left);
	if ((size_t)n < b->len)
		m->out_flags |= MSG_TRUNC;
	if (netbuf_read(b, 0, m->data, (uint32_t)n) < (uint32_t)n)
		n = -EFAULT;
	else
		tell(p, b, m);
	if (n >= 0 && (m->flags & MSG_TRUNC) != 0)
		n = b->len;
	netbuf_free(b);
	return n;
}
