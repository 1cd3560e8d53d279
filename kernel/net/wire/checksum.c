/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The internet checksum. The ones' complement sum does not mind how wide the words are that it is
 * made of, nor their byte order (RFC 1071 §2): eight bytes are added at a time, with the carries
 * put back in, and folded at the end.
 */
#include "net/wire/checksum.h"

#include "lib/string.h"

static uint64_t add(uint64_t sum, uint64_t x)
{
	uint64_t total;

	return __builtin_add_overflow(sum, x, &total) ? total + 1 : total;
}

static uint64_t load(const void *from)
{
	uint64_t x;

	memcpy(&x, from, sizeof(x));
	return x;
}

/* Fewer than eight bytes, as if zeros followed. */
static uint64_t load_rest(const void *from, size_t len)
{
	uint64_t x = 0;

	memcpy(&x, from, len);
	return x;
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len >= 32; p += 32, len -= 32) {
		sum = add(sum, load(p));
		sum = add(sum, load(p + 8));
		sum = add(sum, load(p + 16));
		sum = add(sum, load(p + 24));
	}
	for (; len >= 8; p += 8, len -= 8)
		sum = add(sum, load(p));
	return len > 0 ? add(sum, load_rest(p, len)) : sum;
}

static uint16_t fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t checksum_add_odd(uint64_t sum, uint64_t part)
{
	return add(sum, __builtin_bswap16(fold(part)));
}

struct be16 checksum_finish(uint64_t sum)
{
	uint16_t field = (uint16_t)~fold(sum);
	struct be16 out;

	memcpy(out.bytes, &field, sizeof(field));
	return out;
}

uint64_t checksum_pseudo(const uint8_t from[16], const uint8_t to[16], unsigned protocol,
			 uint32_t len)
{
	struct {
		struct be32 len, protocol;
	} rest = { be32_of(len), be32_of(protocol) };
	/* A mapped address adds 0xffff, which is nothing; so the same serves IPv4. */
	uint64_t sum = checksum_add(0, from, 16);

	sum = checksum_add(sum, to, 16);
	return checksum_add(sum, &rest, sizeof(rest));
}

struct be16 checksum_update(struct be16 field, struct be16 was, struct be16 is)
{
	uint32_t sum = (uint16_t)~be16_get(field);

	sum += (uint16_t)~be16_get(was) + (uint32_t)be16_get(is);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return be16_of((uint16_t)~sum);
}
