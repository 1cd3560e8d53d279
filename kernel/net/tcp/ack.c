/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an ACK says (RFC 9293 §3.10.7.4, fifth): which bytes have arrived, how large the peer's
 * window is, how long a round trip takes (RFC 6298, RFC 7323 §4). What it means for losses and the
 * congestion window is rack.c's and recovery.c's.
 */
#include "net/tcp/engine.h"

#define MIN_RTT_KEPT (300 * NSEC_PER_SEC)

/* ---- round trips ---- */

static void note_min_rtt(struct tcp *t, nsec_t rtt)
{
	nsec_t now = t->now;

	if (t->min_rtt == 0 || rtt <= t->min_rtt || now - t->min_rtt_at > MIN_RTT_KEPT) {
		t->min_rtt = max(rtt, (nsec_t)1);
		t->min_rtt_at = now;
	}
}

void tcp_rtt_sample(struct tcp *t, nsec_t rtt)
{
	rtt = max(rtt, (nsec_t)1000);
	note_min_rtt(t, rtt);
	if (t->srtt == 0) {
		t->srtt = rtt;
		t->rttvar = rtt / 2;
	} else {
		nsec_t err = rtt - t->srtt;

		t->rttvar += ((err < 0 ? -err : err) - t->rttvar) / 4;
		t->srtt += err / 8;
	}
	tcp_set_rto(t);
}

/* RFC 6298 §2.3, with Linux's least: so much is waited beyond the mean. */
void tcp_set_rto(struct tcp *t)
{
	nsec_t least = tcp_setting(t->stack, min_rto_ms) * TCP_MS;

	if (t->srtt == 0)
		t->rto = TCP_RTO_FIRST;
	else
		t->rto = min(t->srtt + max(4 * t->rttvar, least), TCP_RTO_MAX);
}

/* A segment that was sent twice tells nothing, but its timestamp does (RFC 7323 §4.1). */
static void sample(struct tcp *t, const struct tcp_segment *s, const struct tcp_acked *a)
{
	nsec_t rtt = a->rtt >= 0 ? a->rtt : a->sack_rtt;

	if (rtt < 0 && a->advanced && t->has_timestamps && s->options.has_timestamps &&
	    s->options.ts_echo != 0) {
		uint32_t ms = tcp_timestamp(t) - s->options.ts_echo;

		if (ms < INT32_MAX)
			rtt = max(ms, 1u) * TCP_MS;
	}
	if (rtt >= 0)
		tcp_rtt_sample(t, rtt);
}

/* ---- the peer's window ---- */

static void update_window(struct tcp *t, const struct tcp_segment *s, struct tcp_acked *a)
{
	uint32_t window = (uint32_t)s->window << t->snd.scale;

	if (!tcp_after(s->ack, t->snd.una) && !tcp_after(s->seq, t->snd.wl1) &&
	    !(s->seq == t->snd.wl1 && window > t->snd.window))
		return;
	a->window_changed = window != t->snd.window;
	t->snd.window = window;
	if (window > t->snd.max_window) {
		t->snd.max_window = window;
		tcp_update_mss(t); /* half of it is a segment's bound */
	}
	t->snd.wl1 = s->seq;
	t->snd.wl2 = s->ack;
}

/* Is something waiting that the window has no room for? Else probing is over. */
static void judge_probing(struct tcp *t)
{
	const struct netbuf *b = t->out_next;

	if (!tcp_timer_is_set(t, TCP_TIMER_WINDOW_PROBE))
		return;
	if (b != NULL && tcp_after(tcp_piece(b)->end, t->snd.una + t->snd.window) &&
	    t->snd.window < t->mss)
		return;
	tcp_timer_stop(t, TCP_TIMER_WINDOW_PROBE);
	t->backoff = t->probes = 0;
}

/* ---- all of it ---- */

static void advance(struct tcp *t, const struct tcp_segment *s, struct tcp_acked *a)
{
	a->prior_una = t->snd.una;
	a->prior_flight = tcp_flight(t);
	a->bytes = s->ack - t->snd.una;
	a->advanced = a->bytes > 0;
	t->snd.una = s->ack;
	t->bytes_acked += a->bytes;
	if (!a->advanced)
		return;
	t->retries = 0;
	t->first_retry_at = 0;
	if (t->snd.has_urgent && !tcp_before(s->ack, t->snd.urgent_end))
		t->snd.has_urgent = false;
	tcp_queue_acked(t, s->ack, a);
}

/* Something was SACKed that is older than the first segment's last copy: the wire is alive. */
static bool is_first_younger(const struct tcp *t, const struct tcp_acked *a)
{
	const struct netbuf *b = tcp_queue_first(t);

	return b != NULL && a->sack_rtt > t->now - tcp_piece(b)->sent_at;
}

static void rearm(struct tcp *t, const struct tcp_acked *a)
{
	if (a->advanced) {
		t->backoff = 0;
		tcp_set_rto(t);
	}
	if (a->advanced || is_first_younger(t, a))
		tcp_retransmit_arm(t);
	if (t->snd.una == t->snd.nxt)
		tcp_timer_stop(t, TCP_TIMER_LOSS_PROBE);
	else if (a->advanced || a->newly_sacked > 0)
		tcp_loss_probe_arm(t);
}

static bool is_absurd(struct tcp *t, const struct tcp_segment *s)
{
	if (tcp_after(s->ack, t->snd.nxt) || tcp_before(s->ack, t->snd.una - t->snd.max_window)) {
		tcp_challenge(t); /* RFC 5961 §5.2 */
		return true;
	}
	return false;
}

static void learn(struct tcp *t, struct tcp_segment *s, struct tcp_acked *a)
{
	a->has_data = s->len > 0;
	a->ece = t->has_ecn && (s->flags & TCP_ECE) != 0;
	/* RFC 3522 §3.2: it answers what was sent before we sent again. */
	a->spurious = t->has_timestamps && s->options.has_timestamps && t->retrans_ts != 0 &&
		      s->options.ts_echo != 0 && tcp_before(s->options.ts_echo, t->retrans_ts);
}

bool tcp_ack(struct tcp *t, struct tcp_segment *s)
{
	struct tcp_acked a = { .rtt = -1, .sack_rtt = -1 };
	bool had = t->snd.una != t->snd.nxt;

	if (is_absurd(t, s))
		return false;
	t->last_ack_at = t->now;
	t->probes = 0;
	learn(t, s, &a);
	if (tcp_before(s->ack, t->snd.una)) {
		tcp_sack(t, s, &a);
		return true;
	}
	update_window(t, s, &a);
	advance(t, s, &a);
	tcp_mtu_probe_acked(t);
	tcp_sack(t, s, &a);
	sample(t, s, &a);
	tcp_rack_round(t, &a);
	tcp_loss_probe_acked(t, s, &a);
	if (had)
		tcp_recovery(t, &a);
	rearm(t, &a);
	judge_probing(t);
	t->delivered += a.delivered / max(t->mss, 1u) + (a.delivered > 0);
	if (a.advanced) {
		tcp_send_space_grow(t);
		tcp_write_space(t);
		if (t->snd.una == t->snd.end)
			t->news |= TCP_NEWS_SENT_ALL;
	}
	return true;
}
