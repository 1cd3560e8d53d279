/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is lost: RACK-TLP (RFC 8985). A segment is lost when one that was sent well after it has
 * been delivered; "well" is the reordering window (§6.2 step 4), and t->sent_order has the
 * segments in flight in the order of their last transmission, so that each is looked at once. A
 * tail that nobody would ask for is probed (§7).
 */
#include "net/tcp/engine.h"

#define PERSIST     16 /* recoveries that a wider window lasts: §6.2 step 4 */
#define DUP_THRESH  3u
#define PROBE_SLACK (2 * TCP_MS)

/* ---- RACK ---- */

static bool is_sent_after(nsec_t a, uint32_t a_end, nsec_t b, uint32_t b_end)
{
	return a > b || (a == b && tcp_after(a_end, b_end));
}

/* §6.2 step 2. */
void tcp_rack_update(struct tcp *t, const struct tcp_piece *p, const struct tcp_acked *a)
{
	nsec_t rtt = t->now - p->sent_at;

	/* Of one that was sent again, this may well answer the first copy. */
	if ((p->flags & TCP_PIECE_EVER_RETRANS) != 0 && (a->spurious || rtt < t->min_rtt))
		return;
	if (t->rack_sent_at != 0 &&
	    !is_sent_after(p->sent_at, p->end, t->rack_sent_at, t->rack_end))
		return;
	t->rack_sent_at = p->sent_at;
	t->rack_end = p->end;
	t->rack_rtt = rtt;
}

/* §6.2 step 3. */
void tcp_rack_reordering(struct tcp *t, const struct tcp_piece *p, const struct tcp_acked *a)
{
	(void)a;
	if (tcp_after(p->end, t->fack)) {
		t->fack = p->end;
	} else if (tcp_before(p->end, t->fack) && (p->flags & TCP_PIECE_EVER_RETRANS) == 0) {
		t->reordering_seen = true;
		t->nr_reorderings++;
	}
}

/* §6.2 step 4: a D-SACK widens the window once a round trip, for sixteen recoveries. */
void tcp_rack_round(struct tcp *t, const struct tcp_acked *a)
{
	if (t->dsack_seen && tcp_before(a->prior_una + a->bytes, t->dsack_round))
		t->dsack_seen = false;
	if (!t->dsack_seen)
		return;
	t->rack_mult = (uint8_t)min(t->rack_mult + 1, 255);
	t->rack_persist = PERSIST;
	t->dsack_round = t->snd.nxt;
	t->dsack_seen = false;
}

static nsec_t reordering_window(const struct tcp *t)
{
	if (!t->reordering_seen &&
	    (t->mood >= TCP_MOOD_RECOVERY || t->sacked >= DUP_THRESH * t->mss))
		return 0;
	return min(t->min_rtt / 4 * max(t->rack_mult, (uint8_t)1), t->srtt);
}

/* §6.2 step 5. */
uint32_t tcp_rack_detect(struct tcp *t)
{
	nsec_t now = t->now, window = reordering_window(t), wait = 0;
	uint32_t lost = 0;
	struct tcp_piece *p;

	tcp_timer_stop(t, TCP_TIMER_REORDER);
	if (t->rack_sent_at == 0 || !t->has_sack)
		return 0; /* without SACK an ACK does not say what it is for: recovery.c */
	list_foreach_safe(&t->sent_order, p, order) {
		nsec_t left = p->sent_at + t->rack_rtt + window - now;

		if (!is_sent_after(t->rack_sent_at, t->rack_end, p->sent_at, p->end))
			break;
		if (left <= 0) {
			lost += tcp_piece_len(p);
			tcp_queue_mark_lost(t, p);
		} else {
			wait = max(wait, left);
		}
	}
	if (wait > 0)
		tcp_timer_set(t, TCP_TIMER_REORDER, wait);
	return lost;
}

/* §6.3: a time-out says that the first is lost, and what is about as old. */
void tcp_rack_timeout(struct tcp *t)
{
	nsec_t now = t->now, span = t->rack_rtt + reordering_window(t);
	struct netbuf *first = tcp_queue_first(t);
	struct tcp_piece *p;

	list_foreach_safe(&t->sent_order, p, order)
		if (now - p->sent_at >= span || !t->has_sack)
			tcp_queue_mark_lost(t, p);
	if (first == NULL || first == t->out_next)
		return;
	p = tcp_piece(first);
	tcp_queue_mark_lost(t, p);
	list_remove(&p->order);
	list_prepend(&t->lost, &p->order);
}

/* ---- TLP ---- */

/* §7.2. */
void tcp_loss_probe_arm(struct tcp *t)
{
	uint32_t flight = t->snd.nxt - t->snd.una;
	nsec_t timeout = TCP_RTO_FIRST, now = t->now, rto = t->due[TCP_TIMER_RETRANSMIT];

	tcp_timer_stop(t, TCP_TIMER_LOSS_PROBE);
	if (!t->has_sack || !t->stack->settings.tlp || flight == 0 || t->tlp_active ||
	    t->mood > TCP_MOOD_REDUCING || t->lost_bytes > 0 || t->sacked > 0 || t->backoff > 0)
		return;
	if (t->srtt != 0)
		timeout = 2 * t->srtt + (flight <= t->mss ? TCP_DELAY_MAX : PROBE_SLACK);
	if (rto != NSEC_NEVER && rto - now <= timeout)
		return; /* that is as good */
	tcp_timer_set(t, TCP_TIMER_LOSS_PROBE, timeout);
}

static bool send_fresh(struct tcp *t)
{
	struct netbuf *b = t->out_next;
	uint32_t nxt = t->snd.nxt;

	if (b == NULL || tcp_after(tcp_piece(b)->seq + min(tcp_piece_len(tcp_piece(b)), t->mss),
				   t->snd.una + t->snd.window))
		return false;
	tcp_output_probe(t);
	return t->snd.nxt != nxt;
}

static bool send_last_again(struct tcp *t)
{
	struct tree_node *n = tree_last(&t->out_tree);
	struct tcp_piece *p;

	if (n == NULL)
		return false;
	p = tree_entry(n, struct tcp_piece, node);
	if (tcp_piece_len(p) > t->mss) {
		uint32_t keep = (tcp_piece_len(p) - 1) / t->mss * t->mss;

		if (!tcp_queue_split(t, tcp_piece_netbuf(p), keep))
			return false;
		p = tree_entry(tree_last(&t->out_tree), struct tcp_piece, node);
	}
	return tcp_retransmit(t, tcp_piece_netbuf(p), t->mss);
}

/* §7.3. */
void tcp_loss_probe_send(struct tcp *t)
{
	if (t->snd.una == t->snd.nxt || t->tlp_active)
		return;
	t->tlp_is_retrans = false;
	if (!send_fresh(t)) {
		t->tlp_is_retrans = true;
		if (!send_last_again(t)) {
			tcp_retransmit_arm(t);
			return;
		}
	}
	t->tlp_active = true;
	t->tlp_end = t->snd.nxt;
	tcp_count(t->stack, loss_probes);
	tcp_retransmit_arm(t);
}

/* §7.4: was it the probe that repaired a loss? Then the window has to shrink. */
void tcp_loss_probe_acked(struct tcp *t, const struct tcp_segment *s, const struct tcp_acked *a)
{
	if (!t->tlp_active || tcp_before(s->ack, t->tlp_end))
		return;
	if (!t->tlp_is_retrans || a->dsack || tcp_after(s->ack, t->tlp_end)) {
		bool is_repaired = t->tlp_is_retrans && !a->dsack;

		t->tlp_active = false;
		if (is_repaired)
			tcp_recovery_reduce(t);
	} else if (!a->advanced && a->newly_sacked == 0 && !a->window_changed && !a->has_data) {
		t->tlp_active = false; /* both copies have arrived */
	}
}
