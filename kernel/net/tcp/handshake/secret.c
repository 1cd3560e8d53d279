/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the other side must not be able to guess: first sequence numbers (RFC 6528 §3), offsets of
 * timestamps (RFC 7323 §5.4), cookies of SYNs and of fast open. All are SipHash-2-4 (Aumasson and
 * Bernstein, 2012) of a salt and the two ends, keyed by the net's secret.
 */
#include "lib/string.h"
#include "net/tcp/engine.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_rounds(struct sip *s, unsigned n)
{
	while (n-- > 0) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static uint64_t sip_hash(const uint8_t key[16], const uint64_t *words, unsigned nr)
{
	uint64_t k[2];
	struct sip s;

	memcpy(k, key, sizeof(k));
	s = (struct sip){ k[0] ^ 0x736f6d6570736575ull, k[1] ^ 0x646f72616e646f6dull,
			  k[0] ^ 0x6c7967656e657261ull, k[1] ^ 0x7465646279746573ull };
	for (unsigned i = 0; i <= nr; i++) {
		uint64_t word = i < nr ? words[i] : (uint64_t)nr * 8 << 56;

		s.v3 ^= word;
		sip_rounds(&s, 2);
		s.v0 ^= word;
	}
	s.v2 ^= 0xff;
	sip_rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t tcp_secret(const struct net *net, uint64_t salt, const struct inet_address *local,
		    const struct inet_address *remote)
{
	uint64_t words[6];

	memcpy(&words[0], local->ip, 16);
	memcpy(&words[2], remote->ip, 16);
	words[4] = (uint64_t)local->port << 16 | remote->port;
	words[5] = salt;
	return sip_hash(net->secret, words, ARRAY_SIZE(words));
}

uint32_t tcp_first_sequence(struct net *net, const struct inet_address *local,
			    const struct inet_address *remote)
{
	return (uint32_t)(tcp_secret(net, 1, local, remote) + (uint64_t)clock_monotonic() / 4096u);
}

uint32_t tcp_timestamp_offset(struct net *net, const struct inet_address *local,
			      const struct inet_address *remote)
{
	return (uint32_t)tcp_secret(net, 2, local, remote);
}
