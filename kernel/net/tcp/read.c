/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader's side (RFC 9293 §3.10.3): the in-order queue, the window's opening as it is emptied,
 * and the urgent byte as tcp(7) has it. That byte has a place in the stream, the mark; it stays in
 * the queue, and is copied aside when it arrives, so that it can be had out of band. A second one
 * makes the first an ordinary byte.
 */
#include "net/tcp/engine.h"

struct netbuf *tcp_first(struct tcp *t, uint32_t *offset)
{
	struct netbuf *b;

	scoped_spin(&t->lock);
	b = list_first(&t->in, struct netbuf, link);
	if (b != NULL)
		tcp_piece(b)->flags |= TCP_PIECE_SEEN;
	*offset = t->in_offset;
	return b;
}

struct netbuf *tcp_next(struct tcp *t, struct netbuf *b)
{
	struct netbuf *next;

	scoped_spin(&t->lock);
	if (b->link.next == &t->in)
		return NULL;
	next = list_entry(b->link.next, struct netbuf, link);
	tcp_piece(next)->flags |= TCP_PIECE_SEEN;
	return next;
}

/* n bytes leave the queue; what is freed is found in `gone`. */
static void take(struct tcp *t, uint32_t n, struct list *gone)
{
	t->rcv.read += n;
	t->in_bytes -= n;
	while (n > 0) {
		struct netbuf *b = list_first(&t->in, struct netbuf, link);
		uint32_t left = b->len - t->in_offset;

		if (n < left) {
			t->in_offset += n;
			return;
		}
		n -= left;
		t->in_offset = 0;
		t->in_charge -= b->charge;
		tcp_memory_add(t, -(int64_t)b->charge);
		list_remove(&b->link);
		list_append(gone, &b->link);
	}
}

/* Is the window so much larger than what the peer knows that it should hear, or such that a sender
 * who waits to avoid a silly window waits no more? */
static bool is_worth_telling(struct tcp *t)
{
	uint32_t known = t->rcv.acked + t->rcv.window - t->rcv.nxt, fresh;

	if ((int32_t)known < 0)
		known = 0;
	fresh = tcp_window_select(t);
	if (fresh <= known)
		return false;
	return fresh >= 2 * known ||
	       (known < tcp_window_enough(t) && fresh >= tcp_window_enough(t));
}

/* The reader has all, and waits for more; the peer may have written all that it has, and wait for
 * the ACK to write on. Only if an answer usually follows it is worth waiting for that. */
static bool is_ack_due(const struct tcp *t)
{
	if (!t->ack_wanted)
		return false;
	return t->rcv.nxt - t->rcv.acked > t->rcv_mss ||
	       (t->in_bytes == 0 && t->nr_pushed > t->is_interactive);
}

static void pass(struct tcp *t, uint32_t n, struct list *gone)
{
	take(t, n, gone);
	if (t->urgent >= TCP_URGENT_HERE && tcp_after(t->rcv.read, t->urgent_seq))
		atomic_store(&t->urgent, TCP_URGENT_NONE);
}

void tcp_consumed(struct tcp *t, uint32_t n)
{
	struct list gone;

	list_init(&gone);
	tcp_lock(t);
	pass(t, min(n, t->in_bytes), &gone);
	if (t->state != TCP_STATE_CLOSED) {
		tcp_window_read(t, n);
		if ((!t->got_fin && is_worth_telling(t)) || is_ack_due(t))
			tcp_send_ack(t);
	}
	tcp_unlock(t);
	netbuf_free_all(&gone);
}

bool tcp_is_at_end(struct tcp *t)
{
	scoped_spin(&t->lock);
	return t->in_bytes == 0 && (t->got_fin || t->no_receive || t->state == TCP_STATE_CLOSED);
}

/* ---- the mark ---- */

static bool is_mark_ahead(const struct tcp *t)
{
	return t->urgent != TCP_URGENT_NONE && !tcp_before(t->urgent_seq, t->rcv.read);
}

uint32_t tcp_readable(struct tcp *t)
{
	scoped_spin(&t->lock);
	if (!is_mark_ahead(t) || t->urgent_seq == t->rcv.read || t->wishes.out_of_band_inline)
		return t->in_bytes;
	return min(t->in_bytes, t->urgent_seq - t->rcv.read);
}

uint32_t tcp_run(struct tcp *t)
{
	scoped_spin(&t->lock);
	if (!is_mark_ahead(t) || t->urgent_seq == t->rcv.read)
		return t->in_bytes;
	return min(t->in_bytes, t->urgent_seq - t->rcv.read);
}

bool tcp_is_at_mark(struct tcp *t)
{
	scoped_spin(&t->lock);
	return t->urgent != TCP_URGENT_NONE && t->urgent_seq == t->rcv.read;
}

void tcp_pass_mark(struct tcp *t)
{
	struct list gone;

	list_init(&gone);
	tcp_lock(t);
	if (t->urgent >= TCP_URGENT_HERE && t->urgent_seq == t->rcv.read && t->in_bytes > 0)
		pass(t, 1, &gone);
	tcp_unlock(t);
	netbuf_free_all(&gone);
}

int tcp_urgent(struct tcp *t, bool peek, uint8_t *byte)
{
	scoped_spin(&t->lock);
	if (t->wishes.out_of_band_inline || t->urgent == TCP_URGENT_NONE ||
	    t->urgent == TCP_URGENT_TAKEN)
		return -EINVAL;
	if (t->urgent == TCP_URGENT_COMING)
		return t->got_fin || t->state == TCP_STATE_CLOSED ? 0 : -EAGAIN;
	*byte = t->urgent_byte;
	if (!peek)
		atomic_store(&t->urgent, TCP_URGENT_TAKEN);
	return 1;
}

/* RFC 9293 §3.10.7.4, sixth; the pointer is to the byte after (RFC 6093 §3.1), as Linux has it. */
void tcp_urgent_input(struct tcp *t, const struct tcp_segment *s)
{
	uint32_t seq = s->seq + s->urgent - 1;

	if ((s->flags & TCP_URG) != 0 && s->urgent != 0 && !tcp_before(seq, t->rcv.read) &&
	    !tcp_before(seq, t->rcv.nxt) &&
	    (t->urgent == TCP_URGENT_NONE || tcp_after(seq, t->urgent_seq))) {
		t->urgent_seq = seq;
		atomic_store(&t->urgent, TCP_URGENT_COMING);
		t->news |= TCP_NEWS_URGENT;
	}
	if (t->urgent != TCP_URGENT_COMING || t->urgent_seq - s->seq >= s->len)
		return;
	netbuf_copy_out(s->b, t->urgent_seq - s->seq, &t->urgent_byte, 1);
	atomic_store(&t->urgent, TCP_URGENT_HERE);
	t->news |= TCP_NEWS_URGENT | TCP_NEWS_READABLE;
}
