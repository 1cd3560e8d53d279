/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dentry cache. A dentry never changes its inode: making a file where a negative dentry stands
 * replaces the dentry. A child counts its parent, so a path's ancestors stay. An unused dentry
 * (count 0) stays on the LRU list until memory is short, its file system goes, or it is unhashed,
 * which is what becomes of a deleted name. Entries of one directory are added, dropped and moved
 * under its inode->lock.
 */
#pragma once
#include "fs/vfs.h"

/* The cached child, counted, or NULL: ask the file system. */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len);
/* A new child over `inode` (NULL: negative), counted; takes the inode's count even when it fails.
 * Replaces a cached one of that name. hashed false: not to be found by name. NULL = no memory (and
 * nothing is cached under the name). */
struct dentry *dentry_add(struct dentry *parent, const char *name, size_t len, struct inode *inode,
			  bool hashed);
struct dentry *dentry_new_root(struct superblock *sb, struct inode *inode); /* as dentry_add */
void dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);  /* may sleep; NULL is fine */
void dentry_drop(struct dentry *d); /* its name is gone: no look-up finds it any more */
void dentry_drop_name(struct dentry *parent, const char *name,
		      size_t len);           /* the same, if cached */
void dentry_drop_children(struct dentry *d); /* of a removed directory */
/* d is now called new_name (allocated by kmem_string, taken) in new_parent. */
void dentry_move(struct dentry *d, struct dentry *new_parent, char *new_name);
void dentry_exchange(struct dentry *a, struct dentry *b);
/* Counted. */
struct dentry *dentry_parent(struct dentry *d);
bool dentry_is_below(struct dentry *d, struct dentry *ancestor); /* or the same */
void dentry_set_mountpoint(struct dentry *d, bool on);
void dentry_prune(struct superblock *sb); /* lets go of all unused ones of sb */

/* Locks out renames while a name is put together. Nothing is allocated or slept for under it. */
extern struct spinlock dcache_lock;
