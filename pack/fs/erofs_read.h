/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists the files of an EROFS image, for `hull inspect`. The bytes come from anywhere: every
 * offset is checked, and a directory that leads back to itself ends the list with a failure.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "pack/arena.h"
#include "pack/failure.h"

struct erofs_entry {
	const char *path;
	uint32_t mode, uid, gid;
	uint64_t size_bytes, nid;
	const char *target; /* of a symbolic link */
};

struct erofs_list {
	struct erofs_entry *entries;
	size_t nr, capacity;
};

/* 0, or -1 and what is wrong. */
int erofs_read(struct erofs_list *list, struct arena *arena, const void *bytes, size_t len,
	       struct failure *failure);
