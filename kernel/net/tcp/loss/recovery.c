/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done about losses, and when it turns out that there were none.
 *
 *	OPEN -> RECOVERY	something is lost (rack.c; without SACK three duplicate ACKs: RFC
 *				6582). The window shrinks to ssthresh by proportional rate
 *				reduction (RFC 6937) while what is lost is sent again.
 *	OPEN -> REDUCING	ECN (RFC 3168 §6.1.2), or a tail loss probe repaired a loss
 *	any -> LOSS		the retransmission timer; F-RTO (RFC 5682) looks whether it erred
 *	all -> OPEN		what was in flight then (high_seq) is acknowledged; or the loss was
 *				none, by Eifel (RFC 3522, 4015) or D-SACK (RFC 3708): the window is
 *				as it was before
 */
#include "net/tcp/engine.h"

#define DUP_THRESH 3u

/* ---- in and out of moods ---- */

static void remember(struct tcp *t)
{
	if (t->mood < TCP_MOOD_REDUCING) {
		t->prior_cwnd = t->cwnd;
		t->prior_ssthresh = t->ssthresh;
	}
	t->may_undo = true;
	t->undo_marker = t->snd.una;
	t->undo_retrans = t->retrans;
	t->retrans_ts = 0;
}

static void start_reduction(struct tcp *t)
{
	t->recover_flight = max(t->cwnd, t->mss);
	t->prr_delivered = t->prr_out = 0;
	t->ssthresh = t->congestion->threshold(t);
	if (t->has_ecn)
		t->ecn_flags |= TCP_ECN_SEND_CWR;
}

static void enter_recovery(struct tcp *t)
{
	bool is_reducing = t->mood == TCP_MOOD_REDUCING;

	remember(t);
	if (!is_reducing)
		start_reduction(t);
	t->high_seq = t->snd.nxt;
	t->mood = TCP_MOOD_RECOVERY;
	t->hystart.is_on = false;
	tcp_timer_stop(t, TCP_TIMER_LOSS_PROBE);
	tcp_count(t->stack, fast_retransmits);
	if (t->rack_persist > 0 && --t->rack_persist == 0)
		t->rack_mult = 1;
}

void tcp_recovery_reduce(struct tcp *t)
{
	if (t->mood >= TCP_MOOD_REDUCING)
		return;
	remember(t);
	t->may_undo = false;
	start_reduction(t);
	t->high_seq = t->snd.nxt;
	t->mood = TCP_MOOD_REDUCING;
}

static void leave(struct tcp *t)
{
	if (t->mood != TCP_MOOD_LOSS && t->ssthresh < TCP_NEVER_THRESHOLD)
		t->cwnd = max(t->ssthresh, t->mss);
	t->mood = TCP_MOOD_OPEN;
	t->may_undo = t->frto = t->frto_new_data = false;
	t->retrans_ts = 0;
	t->dup_acks = 0;
	t->cwnd_used_end = t->snd.nxt;
}

static void undo(struct tcp *t)
{
	tcp_queue_unmark_lost(t);
	t->cwnd = max(t->cwnd, t->prior_cwnd);
	t->ssthresh = max(t->ssthresh, t->prior_ssthresh);
	t->mood = TCP_MOOD_OPEN;
	t->may_undo = t->frto = t->frto_new_data = false;
	t->retrans_ts = 0;
	t->backoff = 0;
	t->dup_acks = 0;
	if (t->ssthresh >= TCP_NEVER_THRESHOLD) /* the first slow start goes on */
		t->hystart = (struct tcp_hystart){ .is_on = true, .round_end = t->snd.nxt };
}

static bool was_mistaken(const struct tcp *t, const struct tcp_acked *a)
{
	if (!t->may_undo)
		return false;
	return (a->dsack && t->undo_retrans == 0) || (a->advanced && a->spurious);
}

/* ---- without SACK: RFC 6582 ---- */

static void mark_first(struct tcp *t)
{
	struct netbuf *b = tcp_queue_first(t);

	if (b == NULL || b == t->out_next || (tcp_piece(b)->flags & TCP_PIECE_LOST) != 0)
		return;
	if (tcp_piece_len(tcp_piece(b)) > t->mss && !tcp_queue_split(t, b, t->mss))
		return;
	tcp_queue_mark_lost(t, tcp_piece(b));
}

/* Duplicate ACKs stand for segments that have left the network. */
static void count_duplicates(struct tcp *t, const struct tcp_acked *a)
{
	uint32_t outstanding = t->snd.nxt - t->snd.una, most;

	if (a->advanced) {
		uint32_t nr = a->bytes / t->mss;

		t->dup_acks = t->mood < TCP_MOOD_RECOVERY || t->dup_acks + 1 < nr
				      ? 0
				      : t->dup_acks + 1 - max(nr, 1u);
	} else if (!a->has_data && !a->window_changed && outstanding > 0) {
		t->dup_acks++;
	}
	most = outstanding - min(outstanding, t->lost_bytes);
	t->sacked = min(t->dup_acks * t->mss, most);
	if (t->mood < TCP_MOOD_RECOVERY && t->dup_acks >= DUP_THRESH)
		mark_first(t);
	else if (t->mood == TCP_MOOD_RECOVERY && a->advanced && outstanding > 0)
		mark_first(t); /* a partial ACK: the next one is lost, too */
}

/* ---- RFC 6937, with the safe bound of its successor ---- */

static void reduce_proportionally(struct tcp *t, const struct tcp_acked *a)
{
	uint32_t flight = tcp_flight(t), send;

	t->prr_delivered += a->delivered;
	if (flight > t->ssthresh) {
		uint64_t share = (uint64_t)t->prr_delivered * t->ssthresh;

		share = (share + t->recover_flight - 1) / t->recover_flight;
		send = share > t->prr_out ? (uint32_t)share - t->prr_out : 0;
	} else {
		send = t->prr_delivered > t->prr_out ? t->prr_delivered - t->prr_out : 0;
		send = max(send, a->delivered);
		if (a->advanced && a->newly_lost == 0)
			send += t->mss;
		send = min(send, t->ssthresh - flight);
	}
	if (t->prr_out == 0 && t->mood == TCP_MOOD_RECOVERY)
		send = max(send, t->mss); /* fast retransmit */
	t->cwnd = max(flight + send, t->mss);
}

void tcp_recovery_sent(struct tcp *t, uint32_t bytes, bool again)
{
	if (t->mood == TCP_MOOD_RECOVERY || t->mood == TCP_MOOD_REDUCING)
		t->prr_out += bytes;
	if (!again)
		return;
	if (t->retrans_ts == 0)
		t->retrans_ts = tcp_timestamp(t);
	t->undo_retrans += bytes;
}

/* ---- after a time-out: RFC 5682 §3 ---- */

/* Nothing was lost if bytes are acknowledged that were never sent again. */
static void judge_timeout(struct tcp *t, const struct tcp_acked *a)
{
	if (!t->frto)
		return;
	if (a->original && (a->advanced || a->newly_sacked > 0)) {
		tcp_count(t->stack, spurious_rtos);
		undo(t);
	} else if (t->frto_new_data || !a->advanced) {
		t->frto = t->frto_new_data = false; /* it was right */
	} else if (t->out_next != NULL && tcp_before(t->snd.nxt, t->snd.una + t->snd.window)) {
		t->high_seq = t->snd.nxt;
		t->frto_new_data = true;
		tcp_output_frto(t);
	} else {
		t->frto = false;
	}
}

void tcp_recovery_timeout(struct tcp *t)
{
	bool is_new = t->mood != TCP_MOOD_LOSS || !tcp_after(t->high_seq, t->snd.una);
	struct netbuf *first = tcp_queue_first(t);

	if (first != NULL && (tcp_piece(first)->flags & TCP_PIECE_SACKED) != 0)
		tcp_queue_forget_sacks(t);
	if (is_new) {
		remember(t);
		t->ssthresh = t->congestion->threshold(t);
	}
	tcp_rack_timeout(t);
	if (!t->has_sack)
		t->sacked = t->dup_acks = 0;
	t->frto = is_new && t->retries == 0 && t->stack->settings.recovery_frto != 0;
	t->frto_new_data = t->tlp_active = false;
	t->mood = TCP_MOOD_LOSS;
	t->high_seq = t->snd.nxt;
	t->hystart.is_on = false;
	t->congestion->restart(t);
	t->cwnd = tcp_flight(t) + t->mss;
	if (t->has_ecn)
		t->ecn_flags |= TCP_ECN_SEND_CWR;
	tcp_count(t->stack, timeouts);
}

/* ---- each ACK ---- */

static bool has_ended(const struct tcp *t)
{
	if (t->mood == TCP_MOOD_OPEN || tcp_before(t->snd.una, t->high_seq))
		return false;
	/* RFC 6582 §4: a duplicate of high_seq's ACK must not begin another one. */
	return t->has_sack || t->mood != TCP_MOOD_RECOVERY || t->snd.una != t->high_seq ||
	       t->snd.una == t->snd.nxt;
}

void tcp_recovery(struct tcp *t, struct tcp_acked *a)
{
	if (t->mood >= TCP_MOOD_RECOVERY && was_mistaken(t, a))
		undo(t);
	if (has_ended(t))
		leave(t);
	if (t->mood == TCP_MOOD_LOSS)
		judge_timeout(t, a);
	if (!t->has_sack)
		count_duplicates(t, a);
	a->newly_lost = tcp_rack_detect(t);
	if (t->lost_bytes > 0 && t->mood < TCP_MOOD_RECOVERY)
		enter_recovery(t);
	else if (a->ece)
		tcp_recovery_reduce(t);
	if (t->mood == TCP_MOOD_RECOVERY || t->mood == TCP_MOOD_REDUCING)
		reduce_proportionally(t, a);
	else
		tcp_congestion_acked(t, a);
}

void tcp_recovery_lost(struct tcp *t)
{
	struct tcp_acked a = { .rtt = -1, .sack_rtt = -1 };

	a.newly_lost = tcp_rack_detect(t);
	if (t->lost_bytes > 0 && t->mood < TCP_MOOD_RECOVERY)
		enter_recovery(t);
	if (t->mood == TCP_MOOD_RECOVERY)
		reduce_proportionally(t, &a);
}
