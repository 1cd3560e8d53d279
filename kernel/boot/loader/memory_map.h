/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What RAM there is, as firmware says it: ranges in ascending order that neither touch nor overlap.
 * Firmware's lists may be in any order and contradict themselves; first all RAM is added, then all
 * that is not RAM is taken away.
 */
#pragma once
#include "lib/types.h"

#define MEMORY_MAP_MAX 128 /* as Linux takes of a BIOS's map */

struct memory_range {
	uint64_t begin, end;
};

struct memory_map {
	unsigned nr;
	struct memory_range ranges[MEMORY_MAP_MAX];
};

/* A range that does not fit in any more is left out: less RAM is no harm. */
void memory_map_add(struct memory_map *map, uint64_t begin, uint64_t end);
void memory_map_remove(struct memory_map *map, uint64_t begin, uint64_t end);
bool memory_map_holds(const struct memory_map *map, uint64_t begin, uint64_t end);
/* The lowest free place of so many bytes in [from, to), page aligned; 0: there is none. */
uint64_t memory_map_find(const struct memory_map *map, uint64_t bytes, uint64_t from, uint64_t to);
