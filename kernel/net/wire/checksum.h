/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The internet checksum (RFC 1071): the 16-bit ones' complement sum of bytes taken in pairs. A sum
 * is kept unfolded and in the wire's byte order; parts are added in any order, one that begins at
 * an odd byte by checksum_add_odd.
 */
#pragma once
#include "lib/types.h"
#include "net/wire/bytes.h"

uint64_t checksum_add(uint64_t sum, const void *data, size_t len);
/* A part's own sum (begun at 0) when the part stands at an odd distance from the start. */
uint64_t checksum_add_odd(uint64_t sum, uint64_t part);
/* Two sums of parts that both stand at an even distance: an ordinary + would lose the carry. */
static inline uint64_t checksum_join(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;

	return sum < a ? sum + 1 : sum;
}
/* What goes into the header's field; 0 when a sum over data and field is right. */
struct be16 checksum_finish(uint64_t sum);
/* The pseudo header's part: of both families, by sixteen-byte addresses (RFC 9293 §3.1, RFC 8200
 * §8.1). */
uint64_t checksum_pseudo(const uint8_t from[16], const uint8_t to[16], unsigned protocol,
			 uint32_t len);
/* RFC 1624: the field when two bytes of the data change. */
struct be16 checksum_update(struct be16 field, struct be16 was, struct be16 is);
