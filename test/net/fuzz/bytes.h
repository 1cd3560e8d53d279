/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input as a row of decisions: each takes some bytes from it, and behind its end all are 0. So
 * any bytes are an input, and bytes_seeds.c makes them by a seed where there is no libFuzzer.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *at, *end;
};

static inline bool bytes_are_left(const struct bytes *b)
{
	return b->at < b->end;
}

static inline unsigned bytes_8(struct bytes *b)
{
	return b->at < b->end ? *b->at++ : 0;
}

static inline unsigned bytes_16(struct bytes *b)
{
	unsigned high = bytes_8(b);

	return high << 8 | bytes_8(b);
}

static inline uint32_t bytes_32(struct bytes *b)
{
	uint32_t high = bytes_16(b);

	return high << 16 | bytes_16(b);
}

/* One byte in so many is a yes. */
static inline bool bytes_one_in(struct bytes *b, unsigned n)
{
	return bytes_8(b) % n == 1 % n;
}

/* Up to `most` of them; how many there were. */
static inline size_t bytes_take(struct bytes *b, void *to, size_t most)
{
	size_t left = (size_t)(b->end - b->at), n = left < most ? left : most;

	memcpy(to, b->at, n);
	b->at += n;
	return n;
}
