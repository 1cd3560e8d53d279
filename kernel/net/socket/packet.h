/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes on their way from one socket to another. A packet stands at the start of whatever a family
 * keeps with it (who sent it, descriptors...): small ones have their bytes behind that, large ones
 * in blocks of pages. It is filled once and read once, both without a lock; queues, charges and
 * who frees it are the family's.
 */
#pragma once
#include "core/uio.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

struct packet {
	struct list link;     /* the family's */
	size_t len;           /* [I] bytes */
	size_t offset;        /* bytes that were received; the family's lock */
	size_t charge;        /* [I] bytes of memory that it takes */
	unsigned tail;        /* [I] of the bytes, or of the blocks, from the packet's start */
	unsigned block_order; /* [I] of every block but the last */
	unsigned nr_blocks;   /* [I] 0: the bytes are in the tail */
};

/* `size` bytes of the family's own struct, which is zero, and room for `len` bytes. NULL = no
 * memory. */
struct packet *packet_new(size_t size, size_t len);
void packet_free(struct packet *p);
/* All of the packet's bytes out of the uio: -EFAULT. */
MUST_CHECK int packet_fill(struct packet *p, struct uio *u);
/* `len` bytes from `offset` into the uio; fewer on a fault. */
MUST_CHECK size_t packet_read(const struct packet *p, size_t offset, struct uio *u, size_t len);

/* All of the bytes of `from`, which has as many. */
void packet_copy(struct packet *to, const struct packet *from);

static inline size_t packet_left(const struct packet *p)
{
	return p->len - p->offset;
}
