/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A directory in memory: entries by name, and by a position that only grows, so that a reader of
 * the directory keeps its place whatever is added or removed. An entry without an inode is a
 * whiteout: it says that the name is not there, whatever a layer below has (fs/overlay/overlay.c).
 * All is guarded by the owning inode's lock.
 */
#pragma once
#include "fs/vfs.h"
#include "lib/tree.h"

#define MEMDIR_POS_FIRST 2 /* 0 and 1 are "." and ".." */

struct memdir_entry {
	struct tree_node by_name, by_pos;
	int64_t pos;
	struct inode *inode; /* counted, or NULL */
	bool shadows;        /* overlay's: the layer below has the name too */
	unsigned len;
	char name[];
};

struct memdir {
	struct tree names, positions;
	int64_t next_pos;
};

void memdir_init(struct memdir *d);
void memdir_fini(struct memdir *d);
/* For those that are taken down: to gets all that from has, and is then good for any and remove. */
void memdir_absorb(struct memdir *to, struct memdir *from);
struct memdir_entry *memdir_any(struct memdir *d); /* NULL: there is none */
struct memdir_entry *memdir_find(const struct memdir *d, const char *name, size_t len);
/* The name now leads to inode (NULL: whiteout), with a count of its own; one that is there changes.
 * -ENOMEM is possible for new names only. */
MUST_CHECK int memdir_set(struct memdir *d, const char *name, size_t len, struct inode *inode);
void memdir_remove(struct memdir *d, struct memdir_entry *e);
struct memdir_entry *memdir_at(const struct memdir *d, int64_t pos); /* the first at >= pos */
bool memdir_is_empty(const struct memdir *d);                        /* but for whiteouts */
/* Emits entries from *pos on. False: the sink is full. */
bool memdir_emit(const struct memdir *d, struct dir_sink *s, int64_t *pos);
