/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gaps between instructions: what fills up the room from a `ret` or `jmp` to the next function or
 * loop. Nobody executes it: control does not fall into it, and jumps go to what stands behind. A
 * site that is too short for a jump of its own has a short one to a gap, which has room for some.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gap {
	uint64_t address;
	size_t len_bytes; /* that are left; taken from the front */
};

struct gaps {
	struct gap *gaps; /* by address */
	size_t nr, capacity;
};

/* Gaps must come in order of address; one that is there already is left out. False: no memory. */
bool gaps_add(struct gaps *gaps, uint64_t address, size_t len_bytes);
/* One with room for a jump that a short jump at `from` reaches. NULL: none. */
struct gap *gaps_find(struct gaps *gaps, uint64_t from);
void gaps_fini(struct gaps *gaps);
