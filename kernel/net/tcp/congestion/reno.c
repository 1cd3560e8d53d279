/* SPDX-License-Identifier: BSD-2-Clause */
/* Reno (RFC 5681): a segment more each round trip, half after a loss. */
#include "net/tcp/engine.h"

static void start(struct tcp *t)
{
	t->cubic.grow_left = 0;
}

static uint32_t threshold(struct tcp *t)
{
	return max(t->cwnd / 2, 2 * t->mss);
}

static void grow(struct tcp *t, uint32_t acked)
{
	uint64_t more = (uint64_t)acked * t->mss + t->cubic.grow_left;

	t->cubic.grow_left = (uint32_t)(more % t->cwnd);
	t->cwnd += (uint32_t)(more / t->cwnd);
}

const struct tcp_congestion tcp_reno = {
	.name = "reno",
	.start = start,
	.threshold = threshold,
	.grow = grow,
	.restart = start,
};
