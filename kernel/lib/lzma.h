/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoder of raw LZMA streams (LZMA1, "LZMA specification", Igor Pavlov) without a header or an end
 * marker, of one fixed set of properties: lc = 3, lp = 0, pb = 0, a dictionary as large as the
 * data. Bytes may be anything: nothing is read or written outside of the two ranges.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

#define LZMA_LC       3
#define LZMA_STATES   12
#define LZMA_LITERALS 0x300

struct lzma_lengths {
	uint16_t is_long, is_longest;
	uint16_t low[8], middle[8], high[256];
};

/* The decoder's probabilities: its only memory besides the data. */
struct lzma_model {
	uint16_t is_match[LZMA_STATES], is_rep[LZMA_STATES], is_rep0_long[LZMA_STATES];
	uint16_t is_rep_from_1[LZMA_STATES], is_rep_from_2[LZMA_STATES], is_rep_3[LZMA_STATES];
	uint16_t slots[4][64], special[128], align[16];
	struct lzma_lengths match, rep;
	uint16_t literals[LZMA_LITERALS << LZMA_LC];
};

struct lzma_input {
	const void *bytes;
	size_t len;
};

/* Makes exactly dst_bytes, or returns -EINVAL. src may lie in dst as for lz4_decode(). */
MUST_CHECK int lzma_decode(struct lzma_model *model, struct lzma_input in, void *dst,
			   size_t dst_bytes);
