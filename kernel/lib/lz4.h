/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding LZ4 blocks ("LZ4 Block Format Description"): into memory, or through a window, so that a
 * block of any size needs no more memory than its format looks back on.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

/*
 * The first dst_bytes that src decodes to. Returns dst_bytes, or -EINVAL: it does not decode to so
 * many. src may lie in dst, at its end and a margin behind it (LZ4_DECOMPRESS_INPLACE_MARGIN of
 * liblz4): what is read is not yet written over.
 */
ssize_t lz4_decode(const void *src, size_t src_bytes, void *dst, size_t dst_bytes);

#define LZ4_HISTORY 65535u /* how far back a match can reach */

struct lz4_output {
	uint8_t *window; /* at least min(all that is wanted, LZ4_WINDOW) bytes */
	size_t window_bytes;
	/* Takes what was decoded, in order; the bytes stay the window's. */
	void (*take)(struct lz4_output *o, const uint8_t *bytes, size_t len);
	void *context;       /* take's */
	size_t nr, nr_taken; /* the decoder's own: in the window, and of these taken */
};
#define LZ4_WINDOW (128u * 1024)

/* The first `want` bytes that `in` decodes to. -EINVAL: it does not decode to so many. */
MUST_CHECK int lz4_decode_to(struct lz4_output *o, const uint8_t *in, size_t len, size_t want);
