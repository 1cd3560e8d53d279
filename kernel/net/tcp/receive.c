/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that arrived (RFC 9293 §3.10.7.4, seventh and eighth): in order they wait for the user,
 * out of order in a tree until the hole is filled. Both are charged to the connection; what is far
 * out of order goes first when there is no memory. Small segments are copied together. When all
 * connections have too much, who has nothing gets the beginning of one segment, copied out of the
 * pages that it came in: each goes on, and none holds much.
 *
 * A netbuf in the in-order queue that the reader has been given (SEEN) stays as it is until
 * tcp_consumed, because the reader looks at it without the lock.
 */
#include "lib/string.h"
#include "net/tcp/engine.h"

#define JOIN_MAX 32768u

/* ---- memory ---- */

static void charge(struct tcp *t, uint32_t bytes)
{
	t->in_charge += bytes;
	tcp_memory_add(t, bytes);
}

static void uncharge(struct tcp *t, uint32_t bytes)
{
	t->in_charge -= bytes;
	tcp_memory_add(t, -(int64_t)bytes);
}

static struct tcp_piece *entry(struct tree_node *n)
{
	return n == NULL ? NULL : tree_entry(n, struct tcp_piece, node);
}

static void drop_out_of_order(struct tcp *t, struct tcp_piece *p)
{
	struct netbuf *b = tcp_piece_netbuf(p);

	tree_remove(&t->out_of_order, &p->node);
	t->out_of_order_bytes -= b->len;
	uncharge(t, b->charge);
	netbuf_free(b);
}

/* One more segment is taken if there was any room, however large it is: what a window was offered
 * for comes with headers, and in pages. And what an empty buffer offers is taken in any case, in as
 * many segments as it comes (window.c); they are copied together if they are small. Bytes that were
 * SACKed may be forgotten (RFC 2018 §8): the farthest first, down to `seq`. */
static bool make_room(struct tcp *t, uint32_t seq)
{
	uint32_t limit = tcp_memory_is_out(t->stack) ? 0 : t->receive_limit;
	struct tcp_piece *last;

	while (t->in_charge > limit) {
		last = entry(tree_last(&t->out_of_order));
		if (last == NULL || !tcp_after(last->seq, seq))
			break;
		tcp_count(t->stack, rcv_pruned);
		drop_out_of_order(t, last);
		t->nr_blocks = 0;
	}
	if (t->in_charge <= limit)
		return true;
	if (seq != t->rcv.nxt)
		return false;
	return list_is_empty(&t->in) || (limit != 0 && t->in_bytes < tcp_window_enough(t));
}

void tcp_receive_free(struct tcp *t)
{
	struct tcp_piece *p;

	while ((p = entry(tree_first(&t->out_of_order))) != NULL)
		drop_out_of_order(t, p);
	netbuf_free_all(&t->in);
	tcp_memory_add(t, -(int64_t)t->in_charge);
	t->in_charge = t->in_bytes = t->in_offset = t->nr_blocks = 0;
}

/* ---- what is told of it: RFC 2018 §4, RFC 2883 §4 ---- */

static void want_dsack(struct tcp *t, uint32_t seq, uint32_t end)
{
	t->ack_now = true;
	if (!t->has_sack || t->stack->settings.dsack == 0 || seq == end)
		return;
	t->dsack_wanted = true;
	t->dsack_seq = seq;
	t->dsack_end = end;
}

static void remove_block(struct tcp *t, unsigned i)
{
	t->nr_blocks--;
	memmove(&t->blocks[i], &t->blocks[i + 1], (t->nr_blocks - i) * sizeof(t->blocks[0]));
}

/* The newest range comes first, with all that it touches. */
static void add_block(struct tcp *t, uint32_t seq, uint32_t end)
{
	for (unsigned i = 0; i < t->nr_blocks;) {
		if (tcp_after(t->blocks[i].seq, end) || tcp_before(t->blocks[i].end, seq)) {
			i++;
			continue;
		}
		seq = tcp_before(t->blocks[i].seq, seq) ? t->blocks[i].seq : seq;
		end = tcp_later(t->blocks[i].end, end);
		remove_block(t, i);
	}
	if (t->nr_blocks == ARRAY_SIZE(t->blocks))
		t->nr_blocks--;
	memmove(&t->blocks[1], &t->blocks[0], t->nr_blocks * sizeof(t->blocks[0]));
	t->blocks[0].seq = seq;
	t->blocks[0].end = end;
	t->nr_blocks++;
}

static void forget_blocks(struct tcp *t)
{
	for (unsigned i = 0; i < t->nr_blocks;) {
		if (tcp_after(t->blocks[i].seq, t->rcv.nxt))
			i++;
		else
			remove_block(t, i);
	}
}

unsigned tcp_sack_blocks(struct tcp *t, struct tcp_range *r, unsigned most)
{
	unsigned nr = 0;

	if (t->dsack_wanted) {
		r[nr++] = (struct tcp_range){ t->dsack_seq, t->dsack_end };
		t->dsack_wanted = false;
	}
	for (unsigned i = 0; i < t->nr_blocks && nr < most; i++)
		r[nr++] = (struct tcp_range){ t->blocks[i].seq, t->blocks[i].end };
	return nr;
}

/* ---- in order ---- */

static void note_fin(struct tcp *t)
{
	t->got_fin = true;
	t->rcv.nxt++;
	t->ack_now = true;
	t->news |= TCP_NEWS_READABLE;
	switch (t->state) {
	case TCP_STATE_SYN_RECEIVED:
	case TCP_STATE_ESTABLISHED:
		tcp_set_state(t, TCP_STATE_CLOSE_WAIT);
		break;
	case TCP_STATE_FIN_WAIT_1:
		tcp_set_state(t, TCP_STATE_CLOSING);
		break;
	case TCP_STATE_FIN_WAIT_2:
		tcp_send_ack(t);
		tcp_end_in_rest(t);
		break;
	default:
		break;
	}
}

/* Into the last netbuf, if it is worth it and nobody looks at it. */
static bool copy_behind(struct tcp *t, struct netbuf *last, struct netbuf *b)
{
	uint32_t was, len;
	bool done;

	if (last == NULL || (tcp_piece(last)->flags & TCP_PIECE_SEEN) != 0 || b->nr_parts > 0 ||
	    b->len * 4 > b->charge || last->len + b->len > JOIN_MAX)
		return false;
	was = last->charge;
	len = last->len;
	done = netbuf_append(last, b->data, b->len) == 0;
	charge(t, last->charge - was);
	if (done)
		netbuf_free(b);
	else
		netbuf_trim(last, len);
	return done;
}

/* Takes b, the bytes at RCV.NXT. */
static void queue_in_order(struct tcp *t, struct netbuf *b, bool has_fin)
{
	uint32_t len = b->len;

	t->rcv.nxt += len;
	t->in_bytes += len;
	t->bytes_received += len;
	if (len == 0) {
		netbuf_free(b);
	} else {
		t->news |= TCP_NEWS_READABLE;
		if (!copy_behind(t, list_last(&t->in, struct netbuf, link), b)) {
			tcp_piece(b)->flags = 0;
			charge(t, b->charge);
			list_append(&t->in, &b->link);
		}
	}
	if (has_fin)
		note_fin(t);
}

/* The hole is filled: what was waiting behind it follows. */
static void pull_out_of_order(struct tcp *t)
{
	struct tcp_piece *p;

	while (t->state != TCP_STATE_CLOSED && (p = entry(tree_first(&t->out_of_order))) != NULL &&
	       !tcp_after(p->seq, t->rcv.nxt)) {
		struct netbuf *b = tcp_piece_netbuf(p);
		bool has_fin = (p->flags & TCP_PIECE_FIN) != 0;

		if (!tcp_after(p->end, t->rcv.nxt)) {
			drop_out_of_order(t, p);
			continue;
		}
		tree_remove(&t->out_of_order, &p->node);
		t->out_of_order_bytes -= b->len;
		uncharge(t, b->charge);
		netbuf_pull(b, t->rcv.nxt - p->seq);
		queue_in_order(t, b, has_fin);
	}
	forget_blocks(t);
}

/* ---- out of order ---- */

static void plant(struct tcp *t, struct tcp_piece *p)
{
	struct tree_node **slot = &t->out_of_order.root, *parent = NULL;

	while (*slot != NULL) {
		parent = *slot;
		slot = tcp_before(p->seq, entry(parent)->seq) ? &parent->left : &parent->right;
	}
	tree_insert(&t->out_of_order, parent, slot, &p->node);
}

/* The piece with the greatest seq that is not behind `seq`. */
static struct tcp_piece *piece_before(struct tcp *t, uint32_t seq)
{
	struct tree_node *n = t->out_of_order.root;
	struct tcp_piece *found = NULL;

	while (n != NULL) {
		if (tcp_after(entry(n)->seq, seq)) {
			n = n->left;
		} else {
			found = entry(n);
			n = n->right;
		}
	}
	return found;
}

/* Makes the new piece p overlap with none. False: there is nothing new in it. */
static bool fit_in(struct tcp *t, struct netbuf *b, struct tcp_piece *p)
{
	struct tcp_piece *other = piece_before(t, p->seq);

	if (other != NULL && tcp_after(other->end, p->seq)) {
		if (!tcp_after(p->end, other->end)) {
			want_dsack(t, p->seq, p->end);
			return false;
		}
		want_dsack(t, p->seq, other->end);
		netbuf_pull(b, other->end - p->seq);
		p->seq = other->end;
	}
	other = other == NULL ? entry(tree_first(&t->out_of_order))
			      : entry(tree_next(&other->node));
	while (other != NULL && tcp_before(other->seq, p->end)) {
		struct tcp_piece *next = entry(tree_next(&other->node));

		if (tcp_after(other->end, p->end)) {
			want_dsack(t, other->seq, p->end);
			netbuf_trim(b, other->seq - p->seq);
			p->end = other->seq;
			p->flags &= (uint8_t)~TCP_PIECE_FIN;
			break;
		}
		want_dsack(t, other->seq, other->end);
		p->flags |= other->flags & TCP_PIECE_FIN;
		drop_out_of_order(t, other);
		other = next;
	}
	return true;
}

/* Takes b. */
static void queue_out_of_order(struct tcp *t, struct netbuf *b, uint32_t seq, bool has_fin)
{
	struct tcp_piece *p = tcp_piece(b), *other;
	uint32_t end;

	t->ack_now = true;
	t->nr_out_of_order++;
	tcp_count(t->stack, out_of_order_queued);
	*p = (struct tcp_piece){ .seq = seq,
				 .end = seq + b->len + has_fin,
				 .flags = has_fin ? TCP_PIECE_FIN : 0 };
	if (!make_room(t, seq) || !fit_in(t, b, p)) {
		netbuf_free(b);
		return;
	}
	if (t->has_sack)
		add_block(t, p->seq, p->end);
	t->out_of_order_bytes += b->len;
	other = piece_before(t, p->seq);
	end = p->end;
	if (!has_fin && other != NULL && other->end == p->seq &&
	    copy_behind(t, tcp_piece_netbuf(other), b)) {
		other->end = end;
		return;
	}
	plant(t, p);
	charge(t, b->charge);
}

/* ---- a segment ---- */

/* Does this segment end what the peer has written? A short one does. */
static void note_push(struct tcp *t, const struct tcp_segment *s)
{
	if (s->len > 0 && s->len < t->rcv_mss)
		t->nr_pushed++;
	else if ((s->flags & TCP_PSH) != 0 && t->nr_pushed == 0)
		t->nr_pushed = 1;
}

/* RFC 9293 §3.8.6.3, RFC 5681 §4.2: at once for every second full segment. */
static void judge_ack(struct tcp *t, nsec_t now)
{
	nsec_t gap = now - t->last_data_at;

	if (t->last_data_at != 0 && gap < t->ack_delay)
		t->ack_delay = t->ack_delay / 2 + max(gap, TCP_DELAY_MIN / 2);
	t->ack_delay = max(t->ack_delay, TCP_DELAY_MIN);
	if (t->last_data_at != 0 && gap > t->rto)
		tcp_quick_acks(t);
	t->last_data_at = now;
	if (t->rcv.nxt - t->rcv.acked > t->rcv_mss || t->nr_blocks > 0 ||
	    (t->quick_acks > 0 && !t->is_interactive && !t->wishes.no_quick_ack))
		t->ack_now = true;
	else
		t->ack_wanted = true;
}

/* Cuts off what is not in the window. False: that is all of it. */
static bool trim(struct tcp *t, struct tcp_segment *s, bool *has_fin)
{
	uint32_t end = t->rcv.acked + t->rcv.window, old;

	*has_fin = (s->flags & TCP_FIN) != 0;
	if (tcp_before(s->seq, t->rcv.nxt)) {
		if (!tcp_after(s->end, t->rcv.nxt)) {
			want_dsack(t, s->seq, s->end);
			return false;
		}
		old = min(t->rcv.nxt - s->seq, s->len);
		want_dsack(t, s->seq, t->rcv.nxt);
		netbuf_pull(s->b, old);
		s->seq += old;
	}
	if (tcp_after(s->seq + s->b->len, end)) {
		if (!tcp_before(s->seq, end)) {
			t->ack_now = true;
			return false;
		}
		netbuf_trim(s->b, end - s->seq);
		*has_fin = false;
		t->ack_now = true;
	}
	return true;
}

/* There is no memory for all: of what came only as much is taken as fits in no page. */
static bool shrink(struct tcp_segment *s, bool *has_fin)
{
	if (s->b->len > NETBUF_LINEAR_MAX) {
		netbuf_trim(s->b, NETBUF_LINEAR_MAX);
		*has_fin = false;
	}
	s->b = netbuf_linear(s->b);
	return s->b != NULL;
}

void tcp_receive(struct tcp *t, struct tcp_segment *s)
{
	struct netbuf *b;
	bool has_fin;

	t->data_segs_in += s->len > 0;
	if (!trim(t, s, &has_fin))
		return;
	tcp_window_measure(t, s->len, s->b->charge);
	note_push(t, s);
	tcp_window_rtt(t, s);
	if (tcp_memory_is_out(t->stack) && !shrink(s, &has_fin)) {
		t->ack_now = true;
		return;
	}
	b = s->b;
	if (s->seq != t->rcv.nxt) {
		s->b = NULL;
		queue_out_of_order(t, b, s->seq, has_fin);
		return;
	}
	if (b->len > 0 && !make_room(t, s->seq)) {
		tcp_count(t->stack, rcv_pruned);
		t->ack_now = true;
		return;
	}
	s->b = NULL;
	queue_in_order(t, b, has_fin);
	pull_out_of_order(t);
	if (t->state != TCP_STATE_CLOSED)
		judge_ack(t, t->now);
}
