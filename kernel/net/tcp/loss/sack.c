/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selective acknowledgements that come in: RFC 2018, duplicates RFC 2883. A block counts only in
 * whole segments of ours, so that nobody can make us cut the queue into crumbs; blocks that the
 * last ACK told already are not walked again, so that a window full of SACKed segments costs
 * nothing.
 */
#include "net/tcp/engine.h"

void tcp_delivered(struct tcp *t, struct tcp_piece *p, struct tcp_acked *a)
{
	a->delivered += tcp_piece_len(p);
	tcp_rack_reordering(t, p, a);
	tcp_rack_update(t, p, a);
}

static void mark(struct tcp *t, struct tcp_piece *p, struct tcp_acked *a)
{
	uint32_t len = tcp_piece_len(p);

	if ((p->flags & TCP_PIECE_SACKED) != 0)
		return;
	tcp_delivered(t, p, a);
	if ((p->flags & TCP_PIECE_EVER_RETRANS) == 0) {
		a->sack_rtt = t->now - p->sent_at;
		a->original = true;
	}
	if ((p->flags & TCP_PIECE_LOST) != 0)
		t->lost_bytes -= len;
	if ((p->flags & TCP_PIECE_RETRANS) != 0)
		t->retrans -= len;
	p->flags &= (uint8_t) ~(TCP_PIECE_LOST | TCP_PIECE_RETRANS);
	p->flags |= TCP_PIECE_SACKED;
	list_remove(&p->order);
	t->sacked += len;
	a->newly_sacked += len;
}

/* Cuts p so that only what r covers, in whole segments, is in one piece: that one, or NULL. */
static struct tcp_piece *cut(struct tcp *t, struct tcp_piece *p, const struct tcp_range *r)
{
	uint32_t skip, take;

	if (tcp_before(p->seq, r->seq)) {
		skip = (r->seq - p->seq + t->mss - 1) / t->mss * t->mss;
		if (skip >= tcp_piece_len(p) || !tcp_queue_split(t, tcp_piece_netbuf(p), skip))
			return NULL;
		p = tcp_piece(list_entry(tcp_piece_netbuf(p)->link.next, struct netbuf, link));
	}
	if (tcp_after(p->end, r->end)) {
		if (!tcp_after(r->end, p->seq))
			return NULL;
		take = (r->end - p->seq) / t->mss * t->mss;
		if (take == 0 || !tcp_queue_split(t, tcp_piece_netbuf(p), take))
			return NULL;
	}
	return p;
}

static void walk(struct tcp *t, const struct tcp_range *r, struct tcp_acked *a)
{
	struct tcp_piece *p = tcp_queue_at(t, r->seq);

	while (p != NULL && tcp_before(p->seq, r->end)) {
		struct tree_node *n;

		if ((p->flags & TCP_PIECE_SACKED) == 0) {
			struct tcp_piece *whole = cut(t, p, r);

			if (whole != NULL)
				mark(t, whole, a);
			p = whole != NULL ? whole : p;
		}
		n = tree_next(&p->node);
		p = n == NULL ? NULL : tree_entry(n, struct tcp_piece, node);
	}
}

/* What of r the last ACK did not tell, and a segment's length of that, which may have been cut off:
 * a block grows on the right, or on the left. */
static struct tcp_range fresh_part(const struct tcp *t, struct tcp_range r)
{
	const struct tcp_range whole = r;

	for (unsigned i = 0; i < TCP_SACKS_MAX; i++) {
		uint32_t seq = t->sack_seen[i].seq, end = t->sack_seen[i].end;

		if (seq == end)
			continue;
		if (!tcp_before(r.seq, seq) && tcp_before(r.seq, end))
			r.seq = tcp_after(end, r.end) ? r.end : end;
		if (!tcp_after(r.end, end) && tcp_after(r.end, seq))
			r.end = tcp_before(seq, r.seq) ? r.seq : seq;
	}
	if (!tcp_before(r.seq, r.end))
		return r;
	if (r.seq != whole.seq)
		r.seq = tcp_later(whole.seq, r.seq - t->mss);
	if (r.end != whole.end)
		r.end = tcp_after(r.end + t->mss, whole.end) ? whole.end : r.end + t->mss;
	return r;
}

/* RFC 2883 §5: below the ACK, or inside of the second block. */
static bool is_dsack(const struct tcp_segment *s)
{
	const struct tcp_range *r = s->options.sacks;

	if (tcp_before(r[0].seq, s->ack))
		return true;
	return s->options.nr_sacks > 1 && !tcp_after(r[0].end, r[1].end) &&
	       !tcp_before(r[0].seq, r[1].seq);
}

static void take_dsack(struct tcp *t, const struct tcp_range *r, struct tcp_acked *a)
{
	uint32_t len = r->end - r->seq;

	if (len > t->snd.max_window)
		return;
	a->dsack = t->dsack_seen = true;
	t->nr_dsacks++;
	tcp_count(t->stack, dsack_recv);
	if (t->may_undo && !tcp_before(r->seq, t->undo_marker))
		t->undo_retrans -= min(t->undo_retrans, len);
}

static bool is_valid(const struct tcp *t, const struct tcp_range *r)
{
	return tcp_before(r->seq, r->end) && tcp_after(r->seq, t->snd.una) &&
	       !tcp_after(r->end, t->snd.nxt);
}

void tcp_sack(struct tcp *t, const struct tcp_segment *s, struct tcp_acked *a)
{
	const struct tcp_range *sacks = s->options.sacks;
	unsigned nr = t->has_sack ? s->options.nr_sacks : 0, first = 0;

	if (nr > 0 && is_dsack(s)) {
		take_dsack(t, &sacks[0], a);
		first = 1;
	}
	for (unsigned i = first; i < nr; i++) {
		struct tcp_range r = fresh_part(t, sacks[i]);

		if (is_valid(t, &sacks[i]) && tcp_before(r.seq, r.end))
			walk(t, &r, a);
	}
	for (unsigned i = 0; i < TCP_SACKS_MAX; i++) {
		bool is_good = i >= first && i < nr && is_valid(t, &sacks[i]);

		t->sack_seen[i].seq = is_good ? sacks[i].seq : 0;
		t->sack_seen[i].end = is_good ? sacks[i].end : 0;
	}
}
