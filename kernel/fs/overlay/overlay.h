/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An overlay: a file system that is never written (the lower), seen through changes that live in
 * memory.
 *
 * An overlay inode is a tmpfs inode that may stand for a lower inode. As long as nothing about it
 * changes it only points there: its pages are the lower's pages. What is changed is kept in it,
 * part by part:
 *
 *	own_attrs	owner, mode, times, link count: the fields are no longer the lower's
 *	own_xattrs	the extended attributes were copied
 *	own_data	the bytes were copied (opened for writing, truncated): they are its own
 *
 * A directory's own entries (memdir) come before the lower's; an entry without an inode is a
 * whiteout. A table maps lower inodes to overlay inodes, so that all hard links of a lower file
 * meet in one inode, and a changed inode is found again from any of its names; `kept` is a count on
 * itself that holds it until it is deleted or unmounted. So no directory above a change needs to be
 * copied, and a lower directory can be renamed as it is. st_ino is the lower's, before and after a
 * change; st_dev is the overlay's.
 *
 * As with Linux's overlayfs: a mapping made before a file was copied keeps showing the lower's
 * bytes, and the lower must not change in its names meanwhile. Locks: an overlay inode's lock
 * before a lower's.
 */
#pragma once
#include "core/sync/spinlock.h"
#include "fs/tmpfs/tmpfs.h"

struct overlay_sb {
	struct tmpfs_sb mem;      /* first */
	struct superblock *lower; /* [I] counted */
	struct spinlock lock;
	struct tree by_lower; /* [lock] overlay_inode.node, by address of the lower inode */
};

struct overlay_inode {
	struct tmpfs_inode mem;     /* first */
	struct inode *lower;        /* [I] counted; NULL: made here */
	struct tree_node node;      /* [sb.lock] */
	bool in_table;              /* [sb.lock] */
	bool kept;                  /* [inode.lock] */
	bool own_attrs, own_xattrs; /* [inode.lock] */
	bool own_data;              /* [inode.lock to write; a] */
};

static inline struct overlay_inode *overlay_inode_of(struct inode *inode)
{
	return container_of(inode, struct overlay_inode, mem.inode);
}

extern const struct inode_ops overlay_ops;
extern const struct file_ops overlay_fops, overlay_dir_fops;

/* The overlay's inode for a lower one (whose count is taken). NULL = no memory. */
struct inode *overlay_inode_get(struct superblock *sb, struct inode *lower);
/* inode differs from the lower from now on: it is kept. inode->lock is held. */
void overlay_change_locked(struct inode *inode);
/* Its last name is gone. */
void overlay_forget_locked(struct inode *inode);

int overlay_lookup(struct inode *dir, const char *name, size_t len, struct inode **out);
int overlay_create(struct inode *dir, const char *name, size_t len, uint32_t mode,
		   struct inode **out);
int overlay_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode,
		  struct inode **out);
int overlay_mknod(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		  struct inode **out);
int overlay_symlink(struct inode *dir, const char *name, size_t len, const char *target,
		    struct inode **out);
int overlay_link(struct inode *dir, const char *name, size_t len, struct inode *target);
int overlay_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim);
int overlay_rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim);
int overlay_rename(struct inode *dir, const char *name, size_t len, struct inode *new_dir,
		   const char *new_name, size_t new_len, unsigned flags);
/* 0, -ENOTEMPTY, or why it cannot be told. */
MUST_CHECK int overlay_check_empty(struct inode *dir);

int overlay_open(struct inode *inode, struct file *f);
int overlay_getattr(struct inode *inode);
int overlay_setattr(struct inode *inode, const struct attr_change *c);
ssize_t overlay_readlink(struct inode *inode, char *buf, size_t size);
ssize_t overlay_xattr_get(struct inode *inode, const char *name, void *buf, size_t size);
int overlay_xattr_set(struct inode *inode, const char *name, const void *v, size_t size, int flags);
ssize_t overlay_xattr_list(struct inode *inode, char *buf, size_t size);
int overlay_xattr_remove(struct inode *inode, const char *name);
void overlay_copy_fields(struct inode *inode); /* the lower's, as they are now */

/* lower: counted, taken also on failure; root: the directory in it that is the overlay's root. */
MUST_CHECK int overlay_new(struct superblock *lower, struct inode *root, uint64_t limit_bytes,
			   unsigned sb_flags, struct superblock **out);
