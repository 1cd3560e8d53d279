/* SPDX-License-Identifier: BSD-2-Clause */
/* An IPv6 address as its eight groups of 16 bits: what its text (RFC 5952) is made of. */
#pragma once
#include "lib/types.h"

#define IP6_GROUPS 8u

static inline unsigned ip6_group(const uint8_t ip[16], unsigned i)
{
	return (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
}

/* The longest run of zero groups, the first of equals; *len < 2: there is none (§4.2). */
static inline unsigned ip6_find_zeros(const uint8_t ip[16], unsigned *len)
{
	unsigned best = IP6_GROUPS, run = 0;

	*len = 1;
	for (unsigned i = 0; i < IP6_GROUPS; i++) {
		run = ip6_group(ip, i) == 0 ? run + 1 : 0;
		if (run > *len) {
			*len = run;
			best = i + 1 - run;
		}
	}
	return best;
}
