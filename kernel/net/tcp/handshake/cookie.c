/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYN cookies (RFC 4987 §3.6): a handshake that is remembered by nobody but the peer. Our first
 * sequence number is a secret hash of the two ends, the peer's number and the minute, with the
 * index of an MSS in three bits; what other options need fits in the low bits of our timestamp,
 * which the peer echoes.
 *
 *	cookie		hash(ends) + irs + minute << 24 + ((hash(ends, minute) + mss) & 0xffffff)
 *	timestamp	0..3 window scale (15: none), 4 SACK, 5 ECN
 */
#include "lib/string.h"
#include "net/tcp/engine.h"

#define COOKIE_AGE  2u /* minutes */
#define COOKIE_BITS 0xffffffu
#define OPTION_BITS 63u
#define OPTION_SACK 16u
#define OPTION_ECN  32u
#define NO_SCALE    15u

enum { SALT_ENDS = 3, SALT_MINUTE = 16 }; /* salts of secret.c; the minute is added */

static const uint16_t sizes[8] = { 216, 536, 1220, 1300, 1380, 1440, 1460, 8960 };

static uint32_t minute_now(void)
{
	return (uint32_t)(clock_monotonic() / (60 * NSEC_PER_SEC)) & 0xff;
}

static uint32_t make(const struct tcp_request *r, uint32_t minute, uint32_t value)
{
	uint32_t a = (uint32_t)tcp_secret(r->net, SALT_ENDS, &r->local, &r->remote);
	uint32_t b = (uint32_t)tcp_secret(r->net, (uint64_t)SALT_MINUTE + minute, &r->local,
					  &r->remote);

	return a + r->irs + (minute << 24) + ((b + value) & COOKIE_BITS);
}

/* The value in the cookie, or something above what is possible. */
static uint32_t open_cookie(const struct tcp_request *r, uint32_t cookie)
{
	uint32_t a = (uint32_t)tcp_secret(r->net, SALT_ENDS, &r->local, &r->remote);
	uint32_t minute = ((cookie - a - r->irs) >> 24) & 0xff, b;

	if (((minute_now() - minute) & 0xff) >= COOKIE_AGE)
		return UINT32_MAX;
	b = (uint32_t)tcp_secret(r->net, (uint64_t)SALT_MINUTE + minute, &r->local, &r->remote);
	return (cookie - a - r->irs - (minute << 24) - b) & COOKIE_BITS;
}

static uint32_t index_of(uint16_t mss)
{
	uint32_t i = ARRAY_SIZE(sizes) - 1;

	while (i > 0 && sizes[i] > mss)
		i--;
	return i;
}

/* The clock's low bits make room, so that it never seems to be ahead. */
static uint32_t stamp(const struct tcp_request *r)
{
	uint32_t now = tcp_clock_ms(), bits = r->has_scale ? r->peer_scale : NO_SCALE, ts;

	bits |= r->has_sack ? OPTION_SACK : 0;
	bits |= r->has_ecn ? OPTION_ECN : 0;
	ts = (now & ~OPTION_BITS) | bits;
	return ts > now ? ts - OPTION_BITS - 1 : ts;
}

void tcp_cookie_answer(struct tcp *l, const struct tcp_segment *s)
{
	struct tcp_request r;
	uint32_t now = tcp_clock_ms();

	memset(&r, 0, sizeof(r));
	tcp_request_fill(&r, l, s);
	if (!r.has_timestamps)
		r.has_sack = r.has_scale = r.has_ecn = false; /* nothing would remember them */
	r.scale = r.has_scale ? r.scale : 0;
	r.iss = make(&r, minute_now(), index_of(r.mss));
	r.ts_offset += stamp(&r) - now;
	atomic_store(&l->stack->cookie_sent_at, clock_monotonic());
	tcp_count(l->stack, syncookies_sent);
	tcp_request_answer(&r);
}

bool tcp_cookie_check(struct tcp *l, const struct tcp_segment *s, struct tcp_request *r)
{
	nsec_t sent_at = atomic_load(&l->stack->cookie_sent_at);
	uint32_t value, bits;

	if (sent_at == 0 || clock_monotonic() - sent_at > COOKIE_AGE * 60 * NSEC_PER_SEC)
		return false;
	memset(r, 0, sizeof(*r));
	tcp_request_fill(r, l, s);
	r->irs = s->seq - 1;
	r->iss = s->ack - 1;
	value = open_cookie(r, r->iss);
	if (value >= ARRAY_SIZE(sizes)) {
		tcp_count(l->stack, syncookies_failed);
		return false;
	}
	tcp_count(l->stack, syncookies_recv);
	r->mss = sizes[value];
	r->has_sack = r->has_scale = r->has_ecn = false;
	r->scale = 0;
	if (!r->has_timestamps)
		return true;
	bits = (s->options.ts_echo - r->ts_offset) & OPTION_BITS;
	r->has_sack = (bits & OPTION_SACK) != 0;
	r->has_ecn = (bits & OPTION_ECN) != 0;
	r->has_scale = (bits & NO_SCALE) != NO_SCALE;
	r->peer_scale = (uint8_t)(bits & NO_SCALE);
	if (r->has_scale)
		r->scale = tcp_window_scale(l);
	return true;
}
