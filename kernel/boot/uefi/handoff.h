/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From 64-bit mode, with firmware's page tables, to the kernel's PVH entry: 32-bit mode, no paging,
 * the kernel's segments moved to where firmware may have been. It runs in a page below 4 GiB that
 * it does not move anything to, as a copy of what is between handoff_begin and handoff_end.
 */
#pragma once

#define HANDOFF_FROM       0
#define HANDOFF_TO         4
#define HANDOFF_BYTES      8
#define HANDOFF_ENTRY      12
#define HANDOFF_START_INFO 16

#ifndef __ASSEMBLY__
#include <stdint.h>

/* All physical, below 4 GiB. */
struct handoff {
	uint32_t from, to, bytes; /* bytes: a multiple of 4 */
	uint32_t entry, start_info;
};

#pragma GCC visibility push(hidden) /* found by RIP, not by a table of addresses */
extern const uint8_t handoff_begin[], handoff_end[];
#pragma GCC visibility pop

/* The type of the code at handoff_begin; `here` is where the copy of it lies. */
typedef void handoff_function(uint32_t here, const struct handoff *handoff);
#endif
