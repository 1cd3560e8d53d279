/* SPDX-License-Identifier: BSD-2-Clause */
/* An arena as a list of blocks from malloc; what is large gets a block of its own. */
#define _GNU_SOURCE 1
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack/arena.h"

#define BLOCK_BYTES ((size_t)64 << 10)
#define ALIGNMENT   16

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	char bytes[] __attribute__((aligned(ALIGNMENT)));
};

static void out_of_memory(size_t len)
{
	fprintf(stderr, "hull: there is no memory for %zu bytes more\n", len);
	exit(125);
}

static struct arena_block *add_block(struct arena *arena, size_t len)
{
	size_t size = len > BLOCK_BYTES / 4 ? len : BLOCK_BYTES;
	struct arena_block *block = size > SIZE_MAX / 2 ? NULL : calloc(1, sizeof(*block) + size);

	if (!block)
		out_of_memory(len);
	block->size = size;
	if (size != BLOCK_BYTES && arena->blocks) { /* behind the one that still has room */
		block->next = arena->blocks->next;
		arena->blocks->next = block;
		return block;
	}
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t len)
{
	size_t padded = (len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	struct arena_block *block = arena->blocks;
	void *bytes;

	if (padded < len)
		out_of_memory(len);
	if (!block || block->size - block->used < padded)
		block = add_block(arena, padded);
	bytes = block->bytes + block->used;
	block->used += padded;
	return bytes;
}

char *arena_copy(struct arena *arena, const void *bytes, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

char *arena_string(struct arena *arena, const char *string)
{
	return arena_copy(arena, string, strlen(string));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	text = arena_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}

void *arena_grow(struct arena *arena, void *array, size_t nr, size_t *capacity, size_t size)
{
	void *larger;

	if (nr < *capacity)
		return array;
	*capacity = *capacity ? *capacity * 2 : 8;
	larger = arena_alloc(arena, *capacity * size);
	if (nr)
		memcpy(larger, array, nr * size);
	return larger;
}

void arena_fini(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
}

void strings_add(struct arena *arena, struct strings *strings, const char *string)
{
	strings->at = arena_grow(arena, strings->at, strings->nr, &strings->capacity,
				 sizeof(*strings->at));
	strings->at[strings->nr++] = string;
}
