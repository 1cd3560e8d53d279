/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of one build: everything is taken from an arena and given back at once. A build holds
 * what it read (names, trees, small files) until its end, so that nothing in pack/ frees, and
 * there is no question of who would. Without memory the program ends with a message: a build has
 * nothing better to do.
 */
#pragma once
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks;
};

/* Zeroed, aligned for anything. Never NULL. */
void *arena_alloc(struct arena *arena, size_t len);
char *arena_copy(struct arena *arena, const void *bytes, size_t len); /* and a NUL behind it */
char *arena_string(struct arena *arena, const char *string);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Room for one element more in an array of nr elements, which moves to larger memory when it is
 * full; *capacity is the array's own, 0 at the beginning.
 */
void *arena_grow(struct arena *arena, void *array, size_t nr, size_t *capacity, size_t size);
void arena_fini(struct arena *arena);

struct strings {
	const char **at;
	size_t nr, capacity;
};

void strings_add(struct arena *arena, struct strings *strings, const char *string);
