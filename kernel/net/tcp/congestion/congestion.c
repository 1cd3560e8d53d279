/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window of congestion, in bytes: slow start (RFC 5681 §3.1) left early by HyStart++ (RFC
 * 9406), then the algorithm's own growth; what is in flight; a restart after an idle time (§4.1).
 * It grows only when it was what held the sender back (RFC 7661 §4).
 */
#include "lib/string.h"
#include "net/tcp/engine.h"

#define SAMPLES_MIN   8u /* RFC 9406 §4.3 */
#define THRESHOLD_MIN (4 * TCP_MS)
#define THRESHOLD_MAX (16 * TCP_MS)
#define CSS_DIVISOR   4u
#define CSS_ROUNDS    5u
#define BURST_MAX     8u

static const struct tcp_congestion *const algorithms[] = { &tcp_cubic, &tcp_reno };

const struct tcp_congestion *tcp_congestion_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (strcmp(algorithms[i]->name, name) == 0)
			return algorithms[i];
	return NULL;
}

uint32_t tcp_flight(const struct tcp *t)
{
	return t->snd.nxt - t->snd.una - t->sacked - t->lost_bytes + t->retrans;
}

uint32_t tcp_window_first(const struct tcp *t)
{
	return TCP_WINDOW_FIRST * t->mss;
}

void tcp_congestion_start(struct tcp *t)
{
	t->cwnd = tcp_window_first(t);
	if (t->retries > 0 && t->state == TCP_STATE_ESTABLISHED)
		t->cwnd = t->mss; /* the SYN was lost: RFC 5681 §3.1 */
	t->ssthresh = TCP_NEVER_THRESHOLD;
	t->hystart = (struct tcp_hystart){ .is_on = true, .round_end = t->snd.nxt };
	t->cwnd_used_end = t->snd.nxt;
	t->congestion->start(t);
}

void tcp_congestion_idle(struct tcp *t)
{
	nsec_t idle = t->now - t->last_sent_at;
	uint32_t first = min(tcp_window_first(t), t->cwnd);

	if (tcp_setting(t->stack, slow_start_after_idle) == 0 || idle <= t->rto)
		return;
	t->ssthresh = max(t->ssthresh, t->cwnd / 4 * 3);
	for (; idle > t->rto && t->cwnd > first; idle -= t->rto)
		t->cwnd /= 2;
	t->cwnd = max(t->cwnd, first);
	t->cwnd_used_end = t->snd.nxt;
	t->congestion->restart(t);
}

void tcp_window_used(struct tcp *t, bool limited)
{
	uint32_t flight = tcp_flight(t);

	if (tcp_before(t->snd.una, t->cwnd_used_end) && !limited &&
	    (t->cwnd_limited || flight <= t->cwnd_used))
		return;
	t->cwnd_used = flight;
	t->cwnd_used_end = t->snd.nxt;
	t->cwnd_limited = limited;
}

static bool is_limited(const struct tcp *t)
{
	if (t->cwnd_limited)
		return true;
	return t->cwnd < t->ssthresh && t->cwnd < 2 * t->cwnd_used;
}

/* ---- HyStart++: RFC 9406 §4.2 ---- */

static void start_round(struct tcp *t)
{
	struct tcp_hystart *h = &t->hystart;

	h->round_end = t->snd.nxt;
	h->last_min = h->round_min;
	h->round_min = 0;
	h->nr_samples = 0;
	if (h->in_css && ++h->nr_css_rounds >= CSS_ROUNDS) {
		t->ssthresh = t->cwnd;
		h->is_on = false;
	}
}

static void judge_delay(struct tcp_hystart *h)
{
	nsec_t threshold;

	if (h->nr_samples < SAMPLES_MIN || h->last_min == 0 || h->round_min == 0)
		return;
	threshold = min(max(h->last_min / 8, THRESHOLD_MIN), THRESHOLD_MAX);
	if (h->in_css) {
		if (h->round_min < h->css_base) {
			h->in_css = false; /* it was jitter */
			h->nr_css_rounds = 0;
		}
	} else if (h->round_min >= h->last_min + threshold) {
		h->in_css = true;
		h->css_base = h->round_min;
		h->nr_css_rounds = 0;
	}
}

static void watch_delay(struct tcp *t, nsec_t rtt)
{
	struct tcp_hystart *h = &t->hystart;

	if (!h->is_on)
		return;
	if (rtt >= 0) {
		h->round_min = h->round_min == 0 ? rtt : min(h->round_min, rtt);
		h->nr_samples++;
		judge_delay(h);
	}
	if (!tcp_before(t->snd.una, h->round_end))
		start_round(t);
}

/* Returns what of the acknowledged bytes is left for the algorithm. */
static uint32_t slow_start(struct tcp *t, uint32_t acked)
{
	uint32_t used = min(acked, t->ssthresh - t->cwnd);
	uint32_t most = t->hystart.is_on ? max(BURST_MAX * t->mss, acked) : acked;

	t->cwnd += t->hystart.is_on && t->hystart.in_css ? min(used, most) / CSS_DIVISOR
							 : min(used, most);
	return acked - used;
}

void tcp_congestion_acked(struct tcp *t, const struct tcp_acked *a)
{
	uint32_t left = a->bytes;

	if (!a->advanced)
		return;
	watch_delay(t, a->rtt);
	if (!is_limited(t))
		return;
	if (t->cwnd < t->ssthresh)
		left = slow_start(t, left);
	if (left > 0 && t->mood == TCP_MOOD_OPEN)
		t->congestion->grow(t, left);
}
