/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of segments, in and out: RFC 9293 §3.1 and §3.2, window scale and timestamps RFC 7323,
 * SACK RFC 2018, fast open RFC 7413 §4.1. What is malformed ends the parsing, as in Linux; what
 * was read before it counts. Order and padding of ours are those of RFC 7323's appendix A.
 */
#include "lib/string.h"
#include "net/tcp/engine.h"

enum option_kind {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_SCALE = 3,
	OPTION_SACK_OK = 4,
	OPTION_SACK = 5,
	OPTION_TIMESTAMPS = 8,
	OPTION_FASTOPEN = 34,
};

static uint32_t get32(const uint8_t *at)
{
	struct be32 x;

	memcpy(&x, at, sizeof(x));
	return be32_get(x);
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	struct be32 x = be32_of(value);

	memcpy(at, &x, sizeof(x));
	return at + sizeof(x);
}

static void parse_sacks(struct tcp_options *o, const uint8_t *at, unsigned len)
{
	for (o->nr_sacks = 0; len >= 8 && o->nr_sacks < TCP_SACKS_MAX; len -= 8, at += 8)
		o->sacks[o->nr_sacks++] = (struct tcp_range){ get32(at), get32(at + 4) };
}

static void parse_syn(struct tcp_options *o, unsigned kind, const uint8_t *at, unsigned len)
{
	if (kind == OPTION_MSS && len == 2)
		o->mss = (uint16_t)(at[0] << 8 | at[1]);
	if (kind == OPTION_SCALE && len == 1) {
		o->has_scale = true;
		o->scale = min(at[0], (uint8_t)TCP_SCALE_MAX);
	}
	if (kind == OPTION_SACK_OK && len == 0)
		o->sack_ok = true;
	if (kind == OPTION_FASTOPEN && (len == 0 || (len >= 4 && len <= 16 && len % 2 == 0))) {
		o->has_fastopen = true;
		o->cookie_len = (uint8_t)len;
		memcpy(o->cookie, at, len);
	}
}

static void parse_one(struct tcp_options *o, const uint8_t *at, unsigned len, bool syn)
{
	unsigned kind = at[0];

	at += 2;
	len -= 2;
	if (syn)
		parse_syn(o, kind, at, len);
	if (kind == OPTION_TIMESTAMPS && len == 8) {
		o->has_timestamps = true;
		o->ts = get32(at);
		o->ts_echo = get32(at + 4);
	}
	if (kind == OPTION_SACK && len >= 8 && len % 8 == 0 && !syn)
		parse_sacks(o, at, len);
}

void tcp_options_parse(struct tcp_options *o, const uint8_t *at, unsigned len, bool syn)
{
	memset(o, 0, sizeof(*o));
	while (len > 0 && at[0] != OPTION_END) {
		unsigned n = 1;

		if (at[0] != OPTION_NOP) {
			n = len > 1 ? at[1] : 0;
			if (n < 2 || n > len)
				return;
			parse_one(o, at, n, syn);
		}
		at += n;
		len -= n;
	}
}

/* ---- out ---- */

unsigned tcp_options_timestamps(uint8_t *to, uint32_t ts, uint32_t echo)
{
	static const uint8_t head[4] = { OPTION_NOP, OPTION_NOP, OPTION_TIMESTAMPS, 10 };

	memcpy(to, head, sizeof(head));
	put32(put32(to + 4, ts), echo);
	return 12;
}

unsigned tcp_options_sacks(uint8_t *to, const struct tcp_range *r, unsigned nr)
{
	uint8_t *at = to;

	if (nr == 0)
		return 0;
	*at++ = OPTION_NOP;
	*at++ = OPTION_NOP;
	*at++ = OPTION_SACK;
	*at++ = (uint8_t)(2 + 8 * nr);
	for (unsigned i = 0; i < nr; i++)
		at = put32(put32(at, r[i].seq), r[i].end);
	return (unsigned)(at - to);
}

static uint8_t *put_fastopen(uint8_t *at, const struct tcp_syn_options *o)
{
	unsigned len = 2u + o->cookie_len;

	at[0] = OPTION_FASTOPEN;
	at[1] = (uint8_t)len;
	if (o->cookie_len > 0)
		memcpy(at + 2, o->cookie, o->cookie_len);
	for (; len % 4 != 0; len++)
		at[len] = OPTION_NOP;
	return at + len;
}

unsigned tcp_options_syn(uint8_t *to, const struct tcp_syn_options *o)
{
	uint8_t *at = to;

	at = put32(at, (uint32_t)OPTION_MSS << 24 | 4u << 16 | o->mss);
	if (o->has_timestamps) {
		*at++ = o->sack_ok ? OPTION_SACK_OK : OPTION_NOP;
		*at++ = o->sack_ok ? 2 : OPTION_NOP;
		*at++ = OPTION_TIMESTAMPS;
		*at++ = 10;
		at = put32(put32(at, o->ts), o->ts_echo);
	} else if (o->sack_ok) {
		at = put32(at, (uint32_t)OPTION_NOP << 24 | OPTION_NOP << 16 | OPTION_SACK_OK << 8 |
				       2u);
	}
	if (o->has_scale)
		at = put32(at,
			   (uint32_t)OPTION_NOP << 24 | OPTION_SCALE << 16 | 3u << 8 | o->scale);
	if (o->has_fastopen)
		at = put_fastopen(at, o);
	return (unsigned)(at - to);
}
