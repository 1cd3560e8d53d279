/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's physical memory as the host sees it: a few regions, each one mapping.
 *
 * Every address that comes from the guest goes through guest_memory_at(), which gives a pointer
 * only when the whole range lies within one region. The guest may change what is behind the pointer
 * at any time: read once, check the copy, use the copy.
 */
#pragma once
#include <stdint.h>

#define GUEST_MAX_REGIONS 16

struct guest_region {
	uint64_t gpa, size_bytes;
	uint8_t *host;
};

struct guest_memory { /* regions do not overlap */
	struct guest_region regions[GUEST_MAX_REGIONS];
	unsigned nr_regions;
};

/* NULL: [gpa, gpa + len) is not wholly inside one region. */
void *guest_memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t len_bytes);
