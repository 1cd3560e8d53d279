/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers as they are on the wire: most significant byte first, at any address. They are structs,
 * so that one is never taken for a number of the machine's.
 */
#pragma once
#include "lib/types.h"

struct be16 {
	uint8_t bytes[2];
};

struct be32 {
	uint8_t bytes[4];
};

static inline uint16_t be16_get(struct be16 x)
{
	uint16_t value;

	__builtin_memcpy(&value, x.bytes, sizeof(value));
	return __builtin_bswap16(value);
}

static inline struct be16 be16_of(uint16_t value)
{
	struct be16 x;

	value = __builtin_bswap16(value);
	__builtin_memcpy(x.bytes, &value, sizeof(value));
	return x;
}

static inline uint32_t be32_get(struct be32 x)
{
	uint32_t value;

	__builtin_memcpy(&value, x.bytes, sizeof(value));
	return __builtin_bswap32(value);
}

static inline struct be32 be32_of(uint32_t value)
{
	struct be32 x;

	value = __builtin_bswap32(value);
	__builtin_memcpy(x.bytes, &value, sizeof(value));
	return x;
}
