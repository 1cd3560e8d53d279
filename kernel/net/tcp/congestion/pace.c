/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pacing: a connection whose user named a rate (SO_MAX_PACING_RATE, socket(7)) sends its bytes
 * evenly. Each piece puts off the next by the time that its payload takes at that rate, and what
 * goes at once is cut to about a millisecond's worth. A timer that comes late is made up for, but
 * only by LATE_MAX: who was idle gains no more than that. Without a rate ACKs are the clock.
 */
#include "net/tcp/engine.h"

#define PIECES_A_SECOND 1024u
#define LATE_MAX        (10 * TCP_MS)

bool tcp_pace_holds(struct tcp *t)
{
	if (t->wishes.pacing_rate == 0 || t->now >= t->pace_at)
		return false;
	tcp_timer_set(t, TCP_TIMER_PACE, t->pace_at - t->now);
	return true;
}

void tcp_pace_sent(struct tcp *t, uint32_t bytes)
{
	uint64_t rate = t->wishes.pacing_rate;

	if (rate == 0)
		return;
	t->pace_at = max(t->pace_at, t->now - LATE_MAX) +
		     (nsec_t)((uint64_t)bytes * (uint64_t)NSEC_PER_SEC / rate);
}

uint32_t tcp_pace_burst(const struct tcp *t)
{
	uint64_t rate = t->wishes.pacing_rate;

	if (rate == 0)
		return UINT32_MAX;
	return (uint32_t)min(max(rate / PIECES_A_SECOND, 2ull * t->mss), (uint64_t)UINT32_MAX);
}
