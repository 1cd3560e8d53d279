/* SPDX-License-Identifier: BSD-2-Clause */
/* Four accumulators over stripes of 16 bytes, merged; then words, bytes, and the final mix. */
#include "lib/xxh32.h"

#define PRIME1 0x9e3779b1u
#define PRIME2 0x85ebca77u
#define PRIME3 0xc2b2ae3du
#define PRIME4 0x27d4eb2fu
#define PRIME5 0x165667b1u
#define LANES  4
#define STRIPE (LANES * sizeof(uint32_t))

static uint32_t rotate(uint32_t v, unsigned bits)
{
	return v << bits | v >> (32 - bits);
}

static uint32_t word_at(const uint8_t *at)
{
	uint32_t word;

	__builtin_memcpy(&word, at, sizeof(word)); /* little-endian, as the machine */
	return word;
}

static uint32_t stripes(const uint8_t *at, const uint8_t *end)
{
	uint32_t lane[LANES] = { PRIME1 + PRIME2, PRIME2, 0, 0u - PRIME1 };

	for (; (size_t)(end - at) >= STRIPE; at += STRIPE)
		for (unsigned i = 0; i < LANES; i++)
			lane[i] = rotate(lane[i] + word_at(at + 4 * i) * PRIME2, 13) * PRIME1;
	return rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
}

uint32_t xxh32(const void *bytes, size_t len)
{
	const uint8_t *at = bytes, *end = at + len;
	uint32_t sum = PRIME5;

	if (len >= STRIPE)
		sum = stripes(at, end);
	at += len & ~(STRIPE - 1);
	sum += (uint32_t)len;
	for (; end - at >= 4; at += 4)
		sum = rotate(sum + word_at(at) * PRIME3, 17) * PRIME4;
	for (; at < end; at++)
		sum = rotate(sum + *at * PRIME5, 11) * PRIME1;
	sum = (sum ^ sum >> 15) * PRIME2;
	sum = (sum ^ sum >> 13) * PRIME3;
	return sum ^ sum >> 16;
}
