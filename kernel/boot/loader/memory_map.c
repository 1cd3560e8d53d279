/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "boot/loader/memory_map.h"

#include "lib/compiler.h"

#define PAGE 4096ull

static void take_out(struct memory_map *map, unsigned at)
{
	map->nr--;
	for (; at < map->nr; at++)
		map->ranges[at] = map->ranges[at + 1];
}

static void put_in(struct memory_map *map, unsigned at, uint64_t begin, uint64_t end)
{
	if (map->nr == MEMORY_MAP_MAX || begin >= end)
		return;
	for (unsigned i = map->nr++; i > at; i--)
		map->ranges[i] = map->ranges[i - 1];
	map->ranges[at] = (struct memory_range){ begin, end };
}

void memory_map_add(struct memory_map *map, uint64_t begin, uint64_t end)
{
	unsigned at = 0;

	if (begin >= end)
		return;
	while (at < map->nr && map->ranges[at].end < begin)
		at++;
	while (at < map->nr && map->ranges[at].begin <= end) {
		begin = min(begin, map->ranges[at].begin);
		end = max(end, map->ranges[at].end);
		take_out(map, at);
	}
	put_in(map, at, begin, end);
}

void memory_map_remove(struct memory_map *map, uint64_t begin, uint64_t end)
{
	for (unsigned at = 0; at < map->nr && begin < end;) {
		struct memory_range old = map->ranges[at];

		if (old.end <= begin || old.begin >= end) {
			at++;
			continue;
		}
		take_out(map, at);
		put_in(map, at, max(old.begin, end), old.end);
		put_in(map, at, old.begin, min(old.end, begin));
	}
}

bool memory_map_holds(const struct memory_map *map, uint64_t begin, uint64_t end)
{
	for (unsigned i = 0; i < map->nr; i++)
		if (map->ranges[i].begin <= begin && end <= map->ranges[i].end)
			return true;
	return false;
}

uint64_t memory_map_find(const struct memory_map *map, uint64_t bytes, uint64_t from, uint64_t to)
{
	for (unsigned i = 0; i < map->nr; i++) {
		uint64_t begin = align_up(max(map->ranges[i].begin, from), PAGE);
		uint64_t end = min(map->ranges[i].end, to);

		if (begin < end && bytes <= end - begin)
			return begin;
	}
	return 0;
}
