/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash of bytes: 16 bytes a round, each folded in by a 64x64 -> 128 bit multiplication whose
 * halves are xored. The key enters first, so that a program that knows the code still cannot aim
 * at one bucket.
 */
#include "lib/hash.h"
#include "lib/string.h"

#define K0 0x9e3779b97f4a7c15ull /* odd, bits well mixed: the golden ratio */
#define K1 0xc2b2ae3d27d4eb4full

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_bytes(const void *data, size_t len, uint64_t key)
{
	const char *at = data;
	uint64_t state = fold(key ^ K0, len + K1), pair[2];
	size_t n;

	for (size_t left = len; left > 0; left -= n, at += n) {
		n = left < sizeof(pair) ? left : sizeof(pair);
		pair[0] = pair[1] = 0;
		memcpy(pair, at, n);
		state = fold(state ^ pair[0] ^ K0, pair[1] ^ key ^ K1);
	}
	return fold(state ^ K1, K0);
}
