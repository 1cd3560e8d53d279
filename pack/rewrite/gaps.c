/* SPDX-License-Identifier: BSD-2-Clause */
/* Gaps between instructions: gaps.h. */
#include <stdlib.h>

#include "pack/rewrite/code.h"
#include "pack/rewrite/gaps.h"
#include "scan/lower_bound.h"

bool gaps_add(struct gaps *g, uint64_t address, size_t len_bytes)
{
	struct gap *larger;

	if (g->nr > 0 && g->gaps[g->nr - 1].address >= address)
		return true;
	if (g->nr == g->capacity) {
		g->capacity = g->capacity ? 2 * g->capacity : 64;
		larger = realloc(g->gaps, g->capacity * sizeof(*larger));
		if (!larger)
			return false;
		g->gaps = larger;
	}
	g->gaps[g->nr++] = (struct gap){ .address = address, .len_bytes = len_bytes };
	return true;
}

struct gap *gaps_find(struct gaps *g, uint64_t from)
{
	uint64_t lowest = from > 256 ? from - 256 : 0;
	uint8_t jump[SHORT_JUMP_SIZE];

	for (size_t i = LOWER_BOUND(g->gaps, g->nr, .address, lowest); i < g->nr; i++) {
		if (g->gaps[i].address > from + 256)
			break;
		if (g->gaps[i].len_bytes >= JUMP_SIZE &&
		    code_short_jump(jump, from, g->gaps[i].address))
			return &g->gaps[i];
	}
	return NULL;
}

void gaps_fini(struct gaps *g)
{
	free(g->gaps);
	*g = (struct gaps){ .gaps = NULL };
}
