/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits in an array of 64-bit words. Sizes are in bits. */
#pragma once
#include "lib/types.h"

#define BITMAP_WORDS(nr_bits) (((nr_bits) + 63) / 64)

static inline bool bitmap_test(const uint64_t *map, size_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

static inline void bitmap_set(uint64_t *map, size_t bit)
{
	map[bit / 64] |= 1ull << (bit % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t bit)
{
	map[bit / 64] &= ~(1ull << (bit % 64));
}

/* First clear bit at or after `from`, or nr_bits. */
size_t bitmap_find_clear(const uint64_t *map, size_t nr_bits, size_t from);
/* First set bit at or after `from`, or nr_bits. */
size_t bitmap_find_set(const uint64_t *map, size_t nr_bits, size_t from);
