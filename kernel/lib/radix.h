/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Map from a 64-bit index to a non-NULL pointer: a radix tree of 64-way nodes, grown at the root.
 * Nodes come from and go back to the functions that the owner gives: lib/ allocates nothing.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct radix_node;
struct radix_alloc {
	void *(*new_node)(size_t size_bytes); /* zeroed; NULL = no memory */
	void (*free_node)(void *node, size_t size_bytes);
};

struct radix {
	struct radix_node *root;
	unsigned height;
	const struct radix_alloc *alloc;
};

void radix_init(struct radix *r, const struct radix_alloc *alloc);
void *radix_get(const struct radix *r, uint64_t idx); /* NULL = absent */
MUST_CHECK int radix_set(struct radix *r, uint64_t idx,
			 void *item);              /* -ENOMEM; replaces silently */
void *radix_remove(struct radix *r, uint64_t idx); /* what stood there, or NULL */
void *radix_next(const struct radix *r,
		 uint64_t *idx); /* first item at >= *idx (updated), or NULL */
