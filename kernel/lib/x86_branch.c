/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * At position p of n bytes, a displacement d from -p to n - 1 becomes an address from 0 to n - 1,
 * and one from n - p to n - 1 takes the place that these left, below 0: a permutation, so that
 * bytes which are no code come back too. All numbers wrap at 32 bits.
 */
#include "lib/x86_branch.h"

#define CALL        0xe8
#define INSTRUCTION 5

static int32_t encode(int32_t d, int32_t p, int32_t n)
{
	if (d >= -p && d < n - p)
		return d + p;
	return d >= n - p && d < n ? d - n : d;
}

static int32_t decode(int32_t v, int32_t p, int32_t n)
{
	if (v >= 0 && v < n)
		return v - p;
	return v >= -p && v < 0 ? v + n : v;
}

static void translate(uint8_t *code, size_t len, int32_t (*by)(int32_t, int32_t, int32_t))
{
	for (size_t i = 0; i + INSTRUCTION <= len; i++) {
		int32_t v;

		if ((code[i] & ~1) != CALL)
			continue;
		__builtin_memcpy(&v, code + i + 1, sizeof(v));
		v = by(v, (int32_t)i, (int32_t)len);
		__builtin_memcpy(code + i + 1, &v, sizeof(v));
		i += INSTRUCTION - 1;
	}
}

void x86_branch_encode(void *code, size_t len)
{
	translate(code, len, encode);
}

void x86_branch_decode(void *code, size_t len)
{
	translate(code, len, decode);
}
