/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CUBIC (RFC 9438): after a loss the window follows W(t) = C (t - K)^3 + W_max, in whole numbers:
 * windows in bytes, time in milliseconds, C = 0.4 segments a cubic second, beta = 0.7. Where Reno
 * would be faster (§4.3) it goes as Reno does.
 */
#include "net/tcp/engine.h"

#define TIME_MAX_MS (1u << 20) /* its cube fits; windows have long been larger then */

/* The greatest x with x^3 <= a. */
static uint64_t cubic_root(uint64_t a)
{
	uint64_t x = 0;

	for (int bit = 20; bit >= 0; bit--) {
		uint64_t y = x | 1ull << bit;

		if (y * y * y <= a)
			x = y;
	}
	return x;
}

static void restart(struct tcp *t)
{
	t->cubic.epoch = 0;
}

static void start(struct tcp *t)
{
	t->cubic = (struct tcp_cubic){ 0 };
}

/* §4.6, §4.7. */
static uint32_t threshold(struct tcp *t)
{
	struct tcp_cubic *c = &t->cubic;

	c->w_max = t->cwnd < c->w_max ? (uint32_t)((uint64_t)t->cwnd * 85 / 100) : t->cwnd;
	c->epoch = 0;
	return max((uint32_t)((uint64_t)t->cwnd * 7 / 10), 2 * t->mss);
}

static void start_epoch(struct tcp *t)
{
	struct tcp_cubic *c = &t->cubic;

	c->epoch = t->now;
	c->cwnd_epoch = c->w_est = t->cwnd;
	c->w_est_left = c->grow_left = 0;
	if (t->cwnd < c->w_max) /* K = cbrt((W_max - cwnd) / C), §4.2 */
		c->k_ms = cubic_root((uint64_t)(c->w_max - t->cwnd) / t->mss * 2500000000ull);
	else
		c->k_ms = 0;
	c->w_max = max(c->w_max, t->cwnd);
}

/* W at that many milliseconds of the epoch. */
static uint64_t window_at(const struct tcp *t, uint64_t ms)
{
	const struct tcp_cubic *c = &t->cubic;
	uint64_t d = ms > c->k_ms ? ms - c->k_ms : c->k_ms - ms, delta;

	d = min(d, (uint64_t)TIME_MAX_MS);
	delta = d * d * d / 2500000u * t->mss / 1000u;
	if (ms > c->k_ms)
		return c->w_max + delta;
	return delta < c->w_max ? c->w_max - delta : 0;
}

/* §4.3: alpha is 3 (1 - beta) / (1 + beta) = 9/17 until the window is where it was. */
static void grow_as_reno(struct tcp *t, uint32_t acked)
{
	struct tcp_cubic *c = &t->cubic;
	uint64_t more = (uint64_t)acked * t->mss;

	if (c->w_est < t->prior_cwnd)
		more = more * 9 / 17;
	more += c->w_est_left;
	c->w_est += (uint32_t)(more / t->cwnd);
	c->w_est_left = (uint32_t)(more % t->cwnd);
}

static void grow(struct tcp *t, uint32_t acked)
{
	struct tcp_cubic *c = &t->cubic;
	uint64_t now_ms, target, more;

	if (c->epoch == 0)
		start_epoch(t);
	now_ms = (uint64_t)(t->now - c->epoch) / 1000000u;
	grow_as_reno(t, acked);
	if (window_at(t, now_ms) < c->w_est) {
		t->cwnd = max(t->cwnd, c->w_est);
		return;
	}
	target = window_at(t, now_ms + (uint64_t)t->srtt / 1000000u);
	target = min(target, (uint64_t)t->cwnd + t->cwnd / 2); /* §4.4 */
	if (target <= t->cwnd)
		return;
	more = (target - t->cwnd) * acked + c->grow_left;
	c->grow_left = (uint32_t)(more % t->cwnd);
	t->cwnd += (uint32_t)(more / t->cwnd);
}

const struct tcp_congestion tcp_cubic = {
	.name = "cubic",
	.start = start,
	.threshold = threshold,
	.grow = grow,
	.restart = restart,
};
