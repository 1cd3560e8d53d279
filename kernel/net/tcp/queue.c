/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the user gave and is not acknowledged yet: netbufs in the order of their bytes, first those
 * that were sent, then (from out_next on) the others. Sent ones are in a tree as well, by which a
 * SACK finds them, and in one of two lists: sent_order, in flight, the oldest transmission first,
 * or lost, to be sent again. SACKed ones are in neither. An ACK costs what it acknowledges.
 *
 *	t->sacked	bytes of pieces that are SACKED
 *	t->lost_bytes	of those that are LOST, be they sent again or not
 *	t->retrans	of those that are RETRANS
 */
#include "lib/string.h"
#include "net/tcp/engine.h"

#define PIECE_COST 1024u /* of the netbuf itself */
#define PIECE_MAX  65536u

static uint32_t cost(const struct netbuf *b)
{
	return b->len + PIECE_COST;
}

static void charge(struct tcp *t, const struct netbuf *b)
{
	t->out_charge += cost(b);
	tcp_memory_add(t, cost(b));
}

static void uncharge(struct tcp *t, const struct netbuf *b)
{
	t->out_charge -= cost(b);
	tcp_memory_add(t, -(int64_t)cost(b));
}

static struct netbuf *next_of(const struct tcp *t, const struct netbuf *b)
{
	return b->link.next == &t->out ? NULL : list_entry(b->link.next, struct netbuf, link);
}

/* ---- at the end ---- */

static bool join_last(struct tcp *t, struct netbuf *b, unsigned flags)
{
	struct netbuf *last = list_last(&t->out, struct netbuf, link);
	uint32_t len = b->len;

	if (t->out_next == NULL || last == NULL || (flags & TCP_SEND_ALONE) != 0)
		return false;
	if ((tcp_piece(last)->flags & (TCP_PIECE_ALONE | TCP_PIECE_FIN)) != 0 ||
	    last->len + len > PIECE_MAX)
		return false;
	uncharge(t, last);
	if (!netbuf_join(last, b)) {
		charge(t, last);
		return false;
	}
	charge(t, last);
	tcp_piece(last)->end += len;
	return true;
}

static void append(struct tcp *t, struct netbuf *b, unsigned flags)
{
	struct tcp_piece *p = tcp_piece(b);

	memset(p, 0, sizeof(*p));
	p->seq = t->snd.end;
	p->end = t->snd.end + b->len;
	p->flags = (flags & TCP_SEND_ALONE) != 0 ? TCP_PIECE_ALONE : 0;
	list_init(&p->order);
	list_append(&t->out, &b->link);
	charge(t, b);
	if (t->out_next == NULL)
		t->out_next = b;
}

void tcp_queue_add(struct tcp *t, struct netbuf *b, unsigned flags)
{
	uint32_t len = b->len;

	if (!join_last(t, b, flags))
		append(t, b, flags);
	t->snd.end += len;
	if ((flags & TCP_SEND_MORE) == 0)
		tcp_piece(list_last(&t->out, struct netbuf, link))->flags |= TCP_PIECE_PUSH;
}

bool tcp_queue_add_fin(struct tcp *t)
{
	struct netbuf *b = list_last(&t->out, struct netbuf, link);

	if (t->out_next == NULL) {
		b = netbuf_new(0);
		if (b == NULL)
			return false;
		append(t, b, TCP_SEND_ALONE);
	}
	tcp_piece(b)->flags |= TCP_PIECE_FIN;
	tcp_piece(b)->end++;
	t->snd.end++;
	return true;
}

/* ---- the tree ---- */

static void plant(struct tcp *t, struct tcp_piece *p)
{
	struct tree_node **slot = &t->out_tree.root, *parent = NULL;

	while (*slot != NULL) {
		parent = *slot;
		slot = tcp_before(p->seq, tree_entry(parent, struct tcp_piece, node)->seq)
			       ? &parent->left
			       : &parent->right;
	}
	tree_insert(&t->out_tree, parent, slot, &p->node);
}

struct tcp_piece *tcp_queue_at(struct tcp *t, uint32_t seq)
{
	struct tree_node *n = t->out_tree.root;
	struct tcp_piece *found = NULL;

	while (n != NULL) {
		struct tcp_piece *p = tree_entry(n, struct tcp_piece, node);

		if (tcp_after(p->end, seq)) {
			found = p;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

/* ---- on its way ---- */

bool tcp_queue_split(struct tcp *t, struct netbuf *b, uint32_t len)
{
	struct tcp_piece *p = tcp_piece(b), *q;
	struct netbuf *rest = netbuf_slice(b, len, b->len - len);

	if (rest == NULL)
		return false;
	uncharge(t, b);
	netbuf_trim(b, len);
	rest->on_free = b->on_free;
	rest->owner = b->owner;
	b->on_free = NULL;
	q = tcp_piece(rest);
	*q = *p;
	q->seq = p->end = p->seq + len;
	p->flags &= (uint8_t) ~(TCP_PIECE_FIN | TCP_PIECE_PUSH);
	list_insert_before(b->link.next, &rest->link);
	list_init(&q->order);
	if (!list_is_empty(&p->order))
		list_insert_before(p->order.next, &q->order);
	if (p->sent_at != 0)
		plant(t, q);
	charge(t, b);
	charge(t, rest);
	return true;
}

void tcp_queue_sent(struct tcp *t, struct netbuf *b)
{
	struct tcp_piece *p = tcp_piece(b);

	p->sent_at = p->first_sent_at = t->now;
	plant(t, p);
	list_append(&t->sent_order, &p->order);
	t->out_next = next_of(t, b);
	t->snd.nxt = p->end;
}

void tcp_queue_resent(struct tcp *t, struct netbuf *b)
{
	struct tcp_piece *p = tcp_piece(b);

	p->sent_at = t->now;
	if ((p->flags & TCP_PIECE_RETRANS) == 0)
		t->retrans += tcp_piece_len(p);
	p->flags |= TCP_PIECE_RETRANS | TCP_PIECE_EVER_RETRANS;
	list_remove(&p->order);
	list_append(&t->sent_order, &p->order);
}

void tcp_queue_mark_lost(struct tcp *t, struct tcp_piece *p)
{
	uint32_t len = tcp_piece_len(p);

	if ((p->flags & TCP_PIECE_LOST) == 0)
		t->lost_bytes += len;
	if ((p->flags & TCP_PIECE_RETRANS) != 0)
		t->retrans -= len;
	p->flags |= TCP_PIECE_LOST;
	p->flags &= (uint8_t)~TCP_PIECE_RETRANS;
	list_remove(&p->order);
	list_append(&t->lost, &p->order);
}

/* What was sent again is in flight once, as anything else. */
void tcp_queue_unmark_lost(struct tcp *t)
{
	struct netbuf *b;

	list_foreach(&t->out, b, link) {
		struct tcp_piece *p = tcp_piece(b);

		if (b == t->out_next)
			break;
		if ((p->flags & (TCP_PIECE_LOST | TCP_PIECE_RETRANS)) == TCP_PIECE_LOST) {
			list_remove(&p->order);
			list_append(&t->sent_order, &p->order);
		}
		p->flags &= (uint8_t) ~(TCP_PIECE_LOST | TCP_PIECE_RETRANS);
	}
	t->lost_bytes = t->retrans = 0;
}

void tcp_queue_forget_sacks(struct tcp *t)
{
	struct netbuf *b;

	list_foreach(&t->out, b, link) {
		struct tcp_piece *p = tcp_piece(b);

		if (b == t->out_next)
			break;
		if ((p->flags & TCP_PIECE_SACKED) != 0)
			list_append(&t->sent_order, &p->order);
		p->flags &= (uint8_t)~TCP_PIECE_SACKED;
	}
	t->sacked = 0;
	memset(t->sack_seen, 0, sizeof(t->sack_seen));
}

/* ---- it has arrived ---- */

/* n bytes of p count no more. */
static void discount(struct tcp *t, const struct tcp_piece *p, uint32_t n)
{
	if ((p->flags & TCP_PIECE_SACKED) != 0)
		t->sacked -= n;
	if ((p->flags & TCP_PIECE_LOST) != 0)
		t->lost_bytes -= n;
	if ((p->flags & TCP_PIECE_RETRANS) != 0)
		t->retrans -= n;
}

static void note(struct tcp *t, struct tcp_piece *p, struct tcp_acked *a)
{
	if ((p->flags & TCP_PIECE_SACKED) != 0)
		return;
	if ((p->flags & TCP_PIECE_EVER_RETRANS) != 0) {
		a->retrans_acked = true;
	} else {
		a->original = true;
		if (a->rtt < 0)
			a->rtt = t->now - p->sent_at;
	}
	tcp_delivered(t, p, a);
}

static void remove_piece(struct tcp *t, struct netbuf *b)
{
	struct tcp_piece *p = tcp_piece(b);

	discount(t, p, tcp_piece_len(p));
	tree_remove(&t->out_tree, &p->node);
	list_remove(&p->order);
	list_remove(&b->link);
	uncharge(t, b);
	netbuf_free(b);
}

static void trim(struct tcp *t, struct netbuf *b, uint32_t n, struct tcp_acked *a)
{
	struct tcp_piece *p = tcp_piece(b);

	discount(t, p, n);
	if ((p->flags & TCP_PIECE_SACKED) == 0)
		a->delivered += n;
	if ((p->flags & TCP_PIECE_EVER_RETRANS) == 0)
		a->original = true;
	uncharge(t, b);
	netbuf_pull(b, n);
	p->seq += n;
	charge(t, b);
}

void tcp_queue_acked(struct tcp *t, uint32_t ack, struct tcp_acked *a)
{
	struct netbuf *b;

	while ((b = tcp_queue_first(t)) != NULL && b != t->out_next) {
		struct tcp_piece *p = tcp_piece(b);

		if (tcp_after(p->end, ack)) {
			if (tcp_before(p->seq, ack))
				trim(t, b, ack - p->seq, a);
			break;
		}
		note(t, p, a);
		remove_piece(t, b);
	}
	/* What waited behind a hole has waited for the other's copy: RFC 6298 §3. */
	if (a->retrans_acked)
		a->rtt = -1;
}

void tcp_queue_free(struct tcp *t)
{
	struct netbuf *b;

	while ((b = tcp_queue_first(t)) != NULL) {
		uncharge(t, b);
		list_remove(&b->link);
		netbuf_free(b);
	}
	t->out_next = NULL;
	t->out_tree.root = NULL;
	list_init(&t->sent_order);
	list_init(&t->lost);
	t->sacked = t->lost_bytes = t->retrans = 0;
}
