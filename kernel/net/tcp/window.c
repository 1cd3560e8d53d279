/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much the peer may send. The window is the part of the buffer's free memory that will be
 * payload; which part that is (t->share of 256) follows from what arrived. It is never taken back
 * (RFC 9293 §3.8.6), opens in steps worth sending for (§3.8.6.2.2), and the buffer grows by what
 * the user reads in a round trip ("dynamic right-sizing"), up to tcp_rmem's third number.
 *
 * However small the buffer is, an empty one offers as much as a sender waits for that avoids silly
 * windows (§3.8.6.2.1): a full segment, or half of the largest window it was ever offered. So much
 * is taken then, whatever it costs (receive.c).
 */
#include "net/tcp/engine.h"

#define SHARE_WHOLE        256u
#define SHARE_MIN          16u
#define SHARE_MAX          240u
#define MEMORY_MAX_DEFAULT 212992u /* net.core.rmem_max */

static uint32_t payload_of(const struct tcp *t, uint32_t memory)
{
	return (uint32_t)((uint64_t)memory * t->share / SHARE_WHOLE);
}

/* A buffer that the user has fixed will not grow: the less scale, the finer the window. */
uint8_t tcp_window_scale(const struct tcp *t)
{
	uint32_t space = max(t->receive_limit, MEMORY_MAX_DEFAULT);
	uint8_t scale = 0;

	space = max(space, tcp_setting(t->stack, rmem[2]));
	if (t->wishes.receive_limit_fixed)
		space = t->receive_limit / 2;
	if (t->wishes.window_clamp != 0)
		space = min(space, t->wishes.window_clamp);
	while (space > 65535 && scale < TCP_SCALE_MAX) {
		space >>= 1;
		scale++;
	}
	return scale;
}

void tcp_window_start(struct tcp *t)
{
	if (t->state == TCP_STATE_SYN_SENT) {
		t->rcv.scale = t->has_scale ? tcp_window_scale(t) : 0;
		t->rcv.window = min(tcp_window_select(t), 65535u);
	}
	t->rcv.widest = t->rcv.window;
	t->rcv_mss = min(max(t->mss, TCP_MSS_USUAL), max(t->rcv.window / 2, TCP_MSS_MIN));
	t->rcv_mss = min(t->rcv_mss, TCP_MSS_USUAL);
	tcp_quick_acks(t);
	t->rcv_space = min(t->rcv.window, TCP_WINDOW_FIRST * t->mss);
	t->rcv_space_read = t->rcv.read;
	t->rcv_space_at = t->now;
}

/* A sender that begins needs every ACK: as many at once as may open half of the window. */
void tcp_quick_acks(struct tcp *t)
{
	uint32_t nr = min(t->rcv.window / (2 * t->rcv_mss), 16u);

	t->quick_acks = max(t->quick_acks, nr);
}

uint32_t tcp_window_enough(const struct tcp *t)
{
	return min(t->rcv.widest / 2, (uint32_t)tcp_our_mss(&t->path, t));
}

uint32_t tcp_window_select(struct tcp *t)
{
	uint32_t limit = t->receive_limit, enough = tcp_window_enough(t), space = 0;
	uint32_t whole = max(payload_of(t, limit), enough), unit = 1u << t->rcv.scale, least;

	if (t->in_charge == 0)
		space = whole;
	else if (limit > t->in_charge)
		space = payload_of(t, limit - t->in_charge);
	if (t->wishes.window_clamp != 0) {
		space = min(space, t->wishes.window_clamp);
		whole = min(whole, t->wishes.window_clamp);
	}
	if (tcp_memory_is_short(t->stack)) {
		space = min(space, 4 * t->mss);
		whole = min(whole, 4 * t->mss);
	}
	space = min(space, 65535u << t->rcv.scale);
	whole = min(whole, 65535u << t->rcv.scale); /* a peer may not know of scales */
	least = min(t->rcv_mss, whole / 2);
	if (space < max(least, whole / 16))
		return 0;
	return max(space / unit * unit, unit);
}

uint16_t tcp_window_offer(struct tcp *t)
{
	uint32_t left = t->rcv.acked + t->rcv.window - t->rcv.nxt, fresh = tcp_window_select(t);

	if ((int32_t)left < 0)
		left = 0;
	if (fresh < left)
		fresh = align_up(left, 1u << t->rcv.scale);
	t->rcv.acked = t->rcv.nxt;
	t->rcv.window = fresh;
	t->rcv.widest = max(t->rcv.widest, fresh);
	return (uint16_t)min(fresh >> t->rcv.scale, 65535u);
}

void tcp_window_measure(struct tcp *t, uint32_t len, uint32_t charge)
{
	uint32_t share;

	if (len > t->rcv_mss)
		t->rcv_mss = min(len, (uint32_t)tcp_our_mss(&t->path, t));
	if (len < TCP_MSS_USUAL || charge == 0)
		return; /* small ones are put together: receive.c */
	share = (uint32_t)((uint64_t)len * SHARE_WHOLE / charge);
	share = min(max(share, SHARE_MIN), SHARE_MAX);
	t->share = (7 * t->share + share + 4) / 8;
}

/* ---- the peer's round trip, and the buffer's growth ---- */

static void note_rtt(struct tcp *t, nsec_t rtt)
{
	if (t->rcv_rtt == 0 || rtt < t->rcv_rtt)
		t->rcv_rtt = rtt;
	else
		t->rcv_rtt += (rtt - t->rcv_rtt) / 8;
}

void tcp_window_rtt(struct tcp *t, const struct tcp_segment *s)
{
	nsec_t now = t->now;

	if (t->has_timestamps && s->options.ts_echo != 0) {
		uint32_t ms = tcp_timestamp(t) - s->options.ts_echo;

		if (s->len >= t->rcv_mss && ms < INT32_MAX)
			note_rtt(t, max(ms, 1u) * TCP_MS);
		return;
	}
	if (t->rcv_round_at != 0 && tcp_before(t->rcv.nxt, t->rcv_round_end))
		return;
	if (t->rcv_round_at != 0)
		note_rtt(t, now - t->rcv_round_at);
	t->rcv_round_end = t->rcv.nxt + t->rcv.window;
	t->rcv_round_at = now;
}

static void grow(struct tcp *t, uint32_t copied)
{
	uint64_t want = 2ull * copied + 16ull * t->mss;
	uint32_t most = tcp_setting(t->stack, rmem[2]);

	if (t->wishes.receive_limit_fixed || tcp_setting(t->stack, moderate_rcvbuf) == 0 ||
	    tcp_memory_is_short(t->stack))
		return;
	want += 2 * want * (copied - t->rcv_space) / max(t->rcv_space, 1u);
	want = want * SHARE_WHOLE / t->share;
	if (want > t->receive_limit)
		t->receive_limit = (uint32_t)min(want, (uint64_t)max(most, t->receive_limit));
}

void tcp_window_read(struct tcp *t, uint32_t n)
{
	nsec_t now = t->now;
	uint32_t copied = t->rcv.read - t->rcv_space_read;

	(void)n;
	if (t->rcv_rtt == 0 || now - t->rcv_space_at < t->rcv_rtt)
		return;
	if (copied > t->rcv_space) {
		grow(t, copied);
		t->rcv_space = copied;
	}
	t->rcv_space_read = t->rcv.read;
	t->rcv_space_at = now;
}
