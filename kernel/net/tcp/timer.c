/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes due in a connection. Each timer is a deadline in t->due; one alarm is set for the
 * earliest. A deadline that moves away (the retransmission timer at each ACK) leaves the alarm: it
 * fires, finds nothing due, and is set again.
 */
#include "net/tcp/engine.h"

#define BACKOFF_MAX  16u
#define ORPHAN_TRIES 8u /* what tcp_orphan_retries 0 means: tcp(7) */

/* ---- setting ---- */

void tcp_timer_set(struct tcp *t, enum tcp_timer which, nsec_t in)
{
	t->due[which] = t->now + in;
}

void tcp_timers_stop(struct tcp *t)
{
	for (unsigned i = 0; i < TCP_NR_TIMERS; i++)
		t->due[i] = NSEC_NEVER;
}

/* Segments get lost: of what is under way, or cannot go yet, a timer must know. */
static UNUSED bool is_watched(const struct tcp *t)
{
	if (t->state == TCP_STATE_CLOSED || t->state == TCP_STATE_LISTEN)
		return true;
	if (t->snd.una != t->snd.nxt)
		return tcp_timer_is_set(t, TCP_TIMER_RETRANSMIT);
	return t->out_next == NULL || !tcp_may_send(t) ||
	       tcp_timer_is_set(t, TCP_TIMER_WINDOW_PROBE) || tcp_timer_is_set(t, TCP_TIMER_PACE);
}

void tcp_timers_sync(struct tcp *t)
{
	nsec_t first = NSEC_NEVER;

	assert(is_watched(t));
	for (unsigned i = 0; i < TCP_NR_TIMERS; i++)
		first = min(first, t->due[i]);
	if (first >= t->alarm_at)
		return;
	t->alarm_at = first;
	if (tcp_alarm_set(t->stack, &t->alarm, first))
		t->events->get(t);
}

void tcp_retransmit_arm(struct tcp *t)
{
	if (t->snd.una == t->snd.nxt)
		tcp_timer_stop(t, TCP_TIMER_RETRANSMIT);
	else
		tcp_timer_set(t, TCP_TIMER_RETRANSMIT, min(t->rto << t->backoff, TCP_RTO_MAX));
}

static nsec_t keep_idle(const struct tcp *t)
{
	uint32_t s = t->wishes.keep_idle_s;

	return NSEC_PER_SEC * (s != 0 ? s : tcp_setting(t->stack, keepalive_time_s));
}

void tcp_keepalive_arm(struct tcp *t)
{
	if (!t->wishes.keepalive || !tcp_is_synchronised(t))
		tcp_timer_stop(t, TCP_TIMER_KEEPALIVE);
	else if (!tcp_timer_is_set(t, TCP_TIMER_KEEPALIVE))
		tcp_timer_set(t, TCP_TIMER_KEEPALIVE, keep_idle(t));
}

void tcp_delay_ack(struct tcp *t)
{
	nsec_t in = min(t->ack_delay, TCP_DELAY_MAX);

	if (t->rcv_rtt != 0 && t->rcv_rtt < in)
		in = max(t->rcv_rtt, TCP_DELAY_MIN);
	if (!tcp_timer_is_set(t, TCP_TIMER_ACK))
		tcp_timer_set(t, TCP_TIMER_ACK, in);
}

/* ---- how long to go on ---- */

/* As long as `tries` retransmissions that begin with the least time-out would take. */
static nsec_t span_of(unsigned tries)
{
	nsec_t span = 0, step = TCP_DELAY_MAX;

	for (unsigned i = 0; i <= tries; i++) {
		span += step;
		step = min(2 * step, TCP_RTO_MAX);
	}
	return span;
}

static unsigned tries_of(const struct tcp *t)
{
	unsigned tries = tcp_setting(t->stack, orphan_retries);

	if (!t->is_orphan)
		return tcp_setting(t->stack, retries2);
	return tries != 0 ? tries : ORPHAN_TRIES;
}

static bool is_given_up(const struct tcp *t)
{
	nsec_t since = t->first_retry_at;
	unsigned tries = tries_of(t);

	if (since == 0)
		return false;
	if (t->wishes.user_timeout_ms != 0)
		return t->now - since >= t->wishes.user_timeout_ms * TCP_MS;
	return t->now - since >= span_of(tries);
}

/* ---- what comes due ---- */

static void syn_timeout(struct tcp *t)
{
	unsigned most = t->wishes.syn_retries;

	if (most == 0)
		most = t->state == TCP_STATE_SYN_SENT ? tcp_setting(t->stack, syn_retries)
						      : tcp_setting(t->stack, synack_retries);
	if (t->retries >= most ||
	    (t->wishes.user_timeout_ms != 0 && t->first_retry_at != 0 &&
	     t->now - t->first_retry_at >= t->wishes.user_timeout_ms * TCP_MS)) {
		tcp_count(t->stack, attempt_fails);
		tcp_end_timed_out(t);
		return;
	}
	if (t->first_retry_at == 0)
		t->first_retry_at = t->now;
	t->retries++;
	t->backoff = min(t->backoff + 1, BACKOFF_MAX);
	t->nr_retrans++;
	tcp_count(t->stack, retrans_segs);
	(void)tcp_send_syn(t);
}

static void retransmit_timeout(struct tcp *t)
{
	if (t->state == TCP_STATE_SYN_SENT || t->state == TCP_STATE_SYN_RECEIVED) {
		syn_timeout(t);
		return;
	}
	if (t->snd.una == t->snd.nxt)
		return;
	if (is_given_up(t)) {
		tcp_end_timed_out(t);
		return;
	}
	if (t->is_orphan && tcp_orphan_is_dropped(t))
		return;
	tcp_black_hole_judge(t);
	tcp_recovery_timeout(t);
	t->retries++;
	t->backoff = min(t->backoff + 1, BACKOFF_MAX);
	tcp_timer_stop(t, TCP_TIMER_LOSS_PROBE);
	tcp_timer_stop(t, TCP_TIMER_REORDER);
	tcp_retransmit_arm(t);
	tcp_output(t);
}

/* RFC 9293 §3.8.6.1: as long as the peer answers, it may keep its window shut; but not for ever
 * when nobody is there any more who could stop that. */
static bool is_probed_enough(const struct tcp *t)
{
	unsigned most = tries_of(t);

	if (t->is_orphan && t->backoff >= most && t->rto << t->backoff >= TCP_RTO_MAX)
		return true;
	return t->probes > most ||
	       (t->wishes.user_timeout_ms != 0 && t->probes > 0 &&
		t->now - t->probing_since >= t->wishes.user_timeout_ms * TCP_MS);
}

static void window_probe_timeout(struct tcp *t)
{
	if (t->out_next == NULL || t->snd.una != t->snd.nxt)
		return;
	if (t->probes == 0)
		t->probing_since = t->now;
	if (is_probed_enough(t)) {
		tcp_end_timed_out(t);
		return;
	}
	if (t->is_orphan && tcp_orphan_is_dropped(t))
		return;
	t->probes++;
	tcp_window_probe(t);
	if (t->snd.una != t->snd.nxt)
		return;
	t->backoff = min(t->backoff + 1, BACKOFF_MAX);
	tcp_timer_set(t, TCP_TIMER_WINDOW_PROBE, min(t->rto << t->backoff, TCP_RTO_MAX));
}

static void ack_timeout(struct tcp *t)
{
	if (!t->ack_wanted && !t->ack_now)
		return;
	if (t->is_interactive) {
		t->is_interactive = false;
		t->ack_delay = TCP_DELAY_MIN;
	} else {
		t->ack_delay = min(2 * t->ack_delay, TCP_DELAY_MAX);
	}
	tcp_send_ack(t);
}

static bool is_keepalive_over(const struct tcp *t, nsec_t quiet)
{
	uint32_t most = t->wishes.keep_count;

	if (t->wishes.user_timeout_ms != 0)
		return t->keep_probes > 0 && quiet >= t->wishes.user_timeout_ms * TCP_MS;
	return t->keep_probes >= (most != 0 ? most : tcp_setting(t->stack, keepalive_probes));
}

static void keepalive_timeout(struct tcp *t)
{
	nsec_t quiet = t->now - t->last_received_at, idle = keep_idle(t);
	uint32_t interval = t->wishes.keep_interval_s;

	if (!t->wishes.keepalive || t->state == TCP_STATE_SYN_SENT)
		return;
	if (t->snd.una != t->snd.nxt || t->out_next != NULL) {
		tcp_timer_set(t, TCP_TIMER_KEEPALIVE, idle);
		return;
	}
	if (quiet < idle) {
		tcp_timer_set(t, TCP_TIMER_KEEPALIVE, idle - quiet);
		return;
	}
	if (is_keepalive_over(t, quiet)) {
		tcp_send_reset(t);
		tcp_end_timed_out(t);
		return;
	}
	tcp_send_probe(t);
	t->keep_probes++;
	interval = interval != 0 ? interval : tcp_setting(t->stack, keepalive_interval_s);
	tcp_timer_set(t, TCP_TIMER_KEEPALIVE, NSEC_PER_SEC * interval);
}

static void reorder_timeout(struct tcp *t)
{
	tcp_recovery_lost(t);
	tcp_output(t);
}

static void end_timeout(struct tcp *t)
{
	tcp_end(t, 0);
}

static void (*const handlers[TCP_NR_TIMERS])(struct tcp *) = {
	[TCP_TIMER_RETRANSMIT] = retransmit_timeout,
	[TCP_TIMER_LOSS_PROBE] = tcp_loss_probe_send,
	[TCP_TIMER_REORDER] = reorder_timeout,
	[TCP_TIMER_WINDOW_PROBE] = window_probe_timeout,
	[TCP_TIMER_ACK] = ack_timeout,
	[TCP_TIMER_KEEPALIVE] = keepalive_timeout,
	[TCP_TIMER_END] = end_timeout,
	[TCP_TIMER_PACE] = tcp_output,
};

void tcp_timer_fired(struct tcp_alarm *a)
{
	struct tcp *t = container_of(a, struct tcp, alarm);
	const struct tcp_events *events = t->events;

	tcp_lock(t);
	t->alarm_at = NSEC_NEVER;
	for (unsigned i = 0; i < TCP_NR_TIMERS && t->state != TCP_STATE_CLOSED; i++) {
		if (t->due[i] > t->now)
			continue;
		t->due[i] = NSEC_NEVER;
		handlers[i](t);
	}
	tcp_unlock(t);
	events->put(t);
}
