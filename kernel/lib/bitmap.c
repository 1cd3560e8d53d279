/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches in bitmaps, a 64-bit word at a time. Bits past nr_bits are ignored whatever they hold.
 */
#include "lib/bitmap.h"
#include "lib/compiler.h"

static size_t find(const uint64_t *map, size_t nr_bits, size_t from, uint64_t invert)
{
	uint64_t word;
	size_t bit;

	for (bit = from; bit < nr_bits; bit = (bit / 64 + 1) * 64) {
		word = (map[bit / 64] ^ invert) & (~0ull << (bit % 64));
		if (word != 0) {
			bit = bit / 64 * 64 + (size_t)__builtin_ctzll(word);
			return min(bit, nr_bits);
		}
	}
	return nr_bits;
}

size_t bitmap_find_clear(const uint64_t *map, size_t nr_bits, size_t from)
{
	return find(map, nr_bits, from, ~0ull);
}

size_t bitmap_find_set(const uint64_t *map, size_t nr_bits, size_t from)
{
	return find(map, nr_bits, from, 0);
}
