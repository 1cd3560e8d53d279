/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment for a connection: RFC 9293 §3.10.7.3 (SYN-SENT) and §3.10.7.4 (all others), with RFC
 * 5961's answers to what may be forged and RFC 7323 §5's protection against wrapped numbers
 * (PAWS). Where the RFC leaves a choice it is Linux's.
 */
#include "net/tcp/engine.h"

#define TS_FORGET (24ll * 24 * 3600 * NSEC_PER_SEC) /* RFC 7323 §5.5: half of the 2^32 ms */

void tcp_challenge(struct tcp *t)
{
	if (tcp_may_challenge(t->stack, &t->challenge_at))
		tcp_send_ack(t);
}

/* ---- SYN-SENT ---- */

static void agree(struct tcp *t, const struct tcp_segment *s)
{
	const struct tcp_options *o = &s->options;

	t->has_timestamps &= o->has_timestamps;
	t->has_sack &= o->sack_ok;
	t->has_scale &= o->has_scale;
	t->snd.scale = t->has_scale ? o->scale : 0;
	if (!t->has_scale)
		t->rcv.scale = 0;
	t->peer_mss = o->mss == 0 ? TCP_MSS_USUAL : max(o->mss, (uint16_t)TCP_MSS_MIN);
	t->ts_recent = o->ts;
	t->ts_recent_at = t->now;
	t->rcv.irs = s->seq;
	t->rcv.nxt = t->rcv.acked = t->rcv.read = s->seq + 1;
	t->snd.window = t->snd.max_window = s->window; /* a SYN's is never scaled */
	t->snd.wl1 = s->seq;
	t->snd.wl2 = s->ack;
	tcp_update_mss(t);
}

static bool is_ack_of_syn(const struct tcp *t, const struct tcp_segment *s)
{
	return tcp_after(s->ack, t->snd.iss) && !tcp_after(s->ack, t->snd.nxt);
}

static void establish(struct tcp *t, struct tcp_segment *s)
{
	struct tcp_acked a = { .rtt = -1, .sack_rtt = -1 };

	t->snd.una = t->snd.iss + 1;
	t->has_ecn &= (s->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE;
	if (t->retries == 0)
		tcp_rtt_sample(t, t->now - t->last_sent_at);
	t->retries = t->backoff = 0;
	tcp_set_rto(t);
	tcp_timer_stop(t, TCP_TIMER_RETRANSMIT);
	if (t->syn_data > 0)
		tcp_fastopen_acked(t, s, &a);
	tcp_set_state(t, TCP_STATE_ESTABLISHED);
	tcp_start_space(t);
	t->news |= TCP_NEWS_CONNECTED | TCP_NEWS_WRITABLE;
}

/* Bytes or a FIN that came with the SYN. */
static void take_rest_of_syn(struct tcp *t, struct tcp_segment *s)
{
	s->seq++;
	s->flags &= (uint8_t)~TCP_SYN;
	if (s->len > 0 || (s->flags & TCP_FIN) != 0)
		tcp_receive(t, s);
}

static void syn_sent_input(struct tcp *t, struct tcp_segment *s)
{
	bool has_ack = (s->flags & TCP_ACK) != 0;

	if (has_ack && !is_ack_of_syn(t, s)) {
		t->todo |= TCP_TODO_RESET_FOR;
		return;
	}
	if ((s->flags & TCP_RST) != 0) {
		if (has_ack) {
			tcp_count(t->stack, attempt_fails);
			tcp_end(t, ECONNREFUSED);
		}
		return;
	}
	if ((s->flags & TCP_SYN) == 0)
		return;
	agree(t, s);
	if (!has_ack) { /* both have begun: RFC 9293 §3.5, figure 7 */
		tcp_set_state(t, TCP_STATE_SYN_RECEIVED);
		t->has_ecn = false;
		tcp_window_start(t);
		(void)tcp_send_syn(t);
		return;
	}
	tcp_fastopen_keep(t, &s->options);
	establish(t, s);
	take_rest_of_syn(t, s);
	t->ack_now = true;
}

/* ---- the others: is it acceptable? ---- */

static bool is_paws_violated(const struct tcp *t, const struct tcp_segment *s)
{
	if (!t->has_timestamps || !s->options.has_timestamps)
		return false;
	return tcp_before(s->options.ts, t->ts_recent) && t->now - t->ts_recent_at < TS_FORGET;
}

static uint32_t window_end(const struct tcp *t)
{
	return t->rcv.acked + t->rcv.window;
}

static bool is_in_window(const struct tcp *t, const struct tcp_segment *s)
{
	return !tcp_before(s->end, t->rcv.acked) &&
	       !tcp_after(s->seq, tcp_later(window_end(t), t->rcv.nxt));
}

/* A duplicate is told of (RFC 2883 §4); only bytes need an answer, whatever else is limited. */
static void answer_old(struct tcp *t, const struct tcp_segment *s)
{
	if (s->len == 0) {
		tcp_challenge(t);
		return;
	}
	if (tcp_before(s->seq, t->rcv.nxt) && t->has_sack && t->stack->settings.dsack) {
		t->dsack_seq = s->seq;
		t->dsack_end = tcp_after(s->end, t->rcv.nxt) ? t->rcv.nxt : s->end;
		t->dsack_wanted = true;
	}
	t->ack_now = true;
}

static void reset_input(struct tcp *t, const struct tcp_segment *s)
{
	int error = ECONNRESET;

	if (s->seq != t->rcv.nxt) {
		tcp_challenge(t); /* RFC 5961 §3.2 */
		return;
	}
	if (t->state == TCP_STATE_SYN_RECEIVED)
		error = ECONNREFUSED;
	else if (t->state == TCP_STATE_CLOSE_WAIT)
		error = EPIPE;
	if (t->state == TCP_STATE_SYN_RECEIVED)
		tcp_count(t->stack, attempt_fails);
	else
		tcp_count(t->stack, estab_resets);
	tcp_end(t, error);
}

/* The other's SYN, sent once more because our answer was lost: RFC 9293 §3.10.7.4. */
static bool is_syn_again(const struct tcp *t, const struct tcp_segment *s)
{
	return t->state == TCP_STATE_SYN_RECEIVED && s->seq == t->rcv.irs &&
	       (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

/* Both have begun, and both answer the other's SYN: that one completes it, too. */
static void see_syn_as_ack(struct tcp *t, struct tcp_segment *s)
{
	if (t->state != TCP_STATE_SYN_RECEIVED || s->seq != t->rcv.irs || !is_ack_of_syn(t, s) ||
	    (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != (TCP_SYN | TCP_ACK))
		return;
	s->seq++;
	s->flags &= (uint8_t)~TCP_SYN;
	t->ack_now = true;
}

static bool is_acceptable(struct tcp *t, const struct tcp_segment *s)
{
	if ((s->flags & TCP_RST) == 0 && is_paws_violated(t, s) && (s->flags & TCP_SYN) == 0) {
		tcp_count(t->stack, paws_rejected);
		answer_old(t, s);
		return false;
	}
	if (!is_in_window(t, s)) {
		if ((s->flags & TCP_RST) != 0)
			return false;
		if ((s->flags & TCP_SYN) != 0)
			tcp_challenge(t); /* RFC 5961 §4.2 */
		else
			answer_old(t, s);
		return false;
	}
	if ((s->flags & TCP_RST) != 0) {
		reset_input(t, s);
		return false;
	}
	if ((s->flags & TCP_SYN) != 0) {
		tcp_challenge(t);
		return false;
	}
	return true;
}

/* ---- ACK, text, FIN ---- */

static void note_timestamp(struct tcp *t, const struct tcp_segment *s)
{
	if (!t->has_timestamps || !s->options.has_timestamps)
		return;
	if (tcp_after(s->seq, t->rcv.acked) || tcp_before(s->options.ts, t->ts_recent))
		return;
	t->ts_recent = s->options.ts;
	t->ts_recent_at = t->now;
}

/* RFC 3168 §6.1.3. */
static void note_ecn(struct tcp *t, const struct tcp_segment *s)
{
	if (!t->has_ecn)
		return;
	if ((s->flags & TCP_CWR) != 0)
		t->ecn_flags &= (uint8_t)~TCP_ECN_DEMAND_CWR;
	if (s->is_ce && s->len > 0) {
		if ((t->ecn_flags & TCP_ECN_DEMAND_CWR) == 0)
			t->ack_now = true;
		t->ecn_flags |= TCP_ECN_DEMAND_CWR;
	}
}

/* Our SYN is acknowledged. False: it is not. */
static bool finish_handshake(struct tcp *t, struct tcp_segment *s)
{
	if (!is_ack_of_syn(t, s)) {
		t->todo |= TCP_TODO_RESET_FOR;
		return false;
	}
	if (t->snd.una == t->snd.iss)
		t->snd.una++;
	t->snd.window = t->snd.max_window = (uint32_t)s->window << t->snd.scale;
	t->snd.wl1 = s->seq;
	if (t->retries == 0)
		tcp_rtt_sample(t, t->now - t->last_sent_at);
	t->retries = t->backoff = 0;
	tcp_set_rto(t);
	tcp_retransmit_arm(t);
	tcp_set_state(t, t->sent_fin ? TCP_STATE_FIN_WAIT_1 : TCP_STATE_ESTABLISHED);
	if (!t->is_passive)
		tcp_start_space(t);
	t->is_passive = false;
	t->news |= TCP_NEWS_CONNECTED | TCP_NEWS_WRITABLE;
	return true;
}

/* Our FIN has arrived: what follows from that? */
static void fin_acked(struct tcp *t)
{
	if (t->state == TCP_STATE_FIN_WAIT_1) {
		tcp_set_state(t, TCP_STATE_FIN_WAIT_2);
		if (t->is_orphan)
			tcp_orphan_waits(t);
	} else if (t->state == TCP_STATE_CLOSING) {
		tcp_end_in_rest(t);
	} else if (t->state == TCP_STATE_LAST_ACK) {
		tcp_end(t, 0);
	}
}

/* Bytes for a user who said that none are wanted: RFC 1122 §4.2.2.13. */
static bool is_unwanted(const struct tcp *t, const struct tcp_segment *s)
{
	uint32_t end = s->end - ((s->flags & TCP_FIN) != 0);

	if (t->state != TCP_STATE_FIN_WAIT_1 && t->state != TCP_STATE_FIN_WAIT_2 && !t->is_orphan)
		return false;
	return t->no_receive && s->len > 0 && tcp_after(end, t->rcv.nxt);
}

static void take_text(struct tcp *t, struct tcp_segment *s)
{
	if (is_unwanted(t, s)) {
		tcp_send_reset(t);
		tcp_end(t, 0);
		return;
	}
	if (t->got_fin)
		return;
	if ((s->flags & TCP_URG) != 0 || t->urgent == TCP_URGENT_COMING)
		tcp_urgent_input(t, s);
	if (s->len > 0 || (s->flags & TCP_FIN) != 0)
		tcp_receive(t, s);
}

static void synchronised_input(struct tcp *t, struct tcp_segment *s)
{
	if (is_syn_again(t, s)) {
		(void)tcp_send_syn(t);
		return;
	}
	see_syn_as_ack(t, s);
	if (!is_acceptable(t, s) || (s->flags & TCP_ACK) == 0)
		return;
	if (t->state == TCP_STATE_SYN_RECEIVED && !finish_handshake(t, s))
		return;
	note_timestamp(t, s);
	note_ecn(t, s);
	if (!tcp_ack(t, s))
		return;
	if (t->sent_fin && t->snd.una == t->snd.end)
		fin_acked(t);
	if (t->state != TCP_STATE_CLOSED)
		take_text(t, s);
}

void tcp_connection_input(struct tcp *t, struct tcp_segment *s)
{
	if (t->state == TCP_STATE_CLOSED || t->state == TCP_STATE_LISTEN)
		return; /* it ended while the segment was on its way here */
	t->segs_in++;
	t->last_received_at = t->now;
	t->keep_probes = 0;
	if (t->state == TCP_STATE_SYN_SENT)
		syn_sent_input(t, s);
	else
		synchronised_input(t, s);
	if (t->state == TCP_STATE_CLOSED)
		return;
	tcp_output(t);
	if (t->ack_now)
		tcp_send_ack(t);
	else if (t->ack_wanted)
		tcp_delay_ack(t);
}
