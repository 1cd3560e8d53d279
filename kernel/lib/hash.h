/* SPDX-License-Identifier: BSD-2-Clause */
/* Hashes for tables (not for secrets): keyed, so that a program cannot choose collisions. */
#pragma once
#include "lib/types.h"

uint64_t hash_bytes(const void *data, size_t len, uint64_t key);

static inline uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	return x * 0xd6e8feb86659fd93ull;
}
