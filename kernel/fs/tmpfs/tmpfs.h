/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files in memory, for tmpfs itself and for those built on it: overlay (its changes), devtmpfs,
 * memfd. A builder embeds struct tmpfs_inode first in its own inode (inode_alloc) and struct
 * tmpfs_sb first in its superblock's private part, and fills the sb's tables with its own
 * operations, of which many can be tmpfs_ops' as they are.
 */
#pragma once
#include "fs/tmpfs/memdir.h"
#include "fs/tmpfs/memxattr.h"
#include "fs/vfs.h"

struct tmpfs_sb {
	uint64_t limit_pages;                   /* [I] 0 = none */
	uint64_t used_pages;                    /* [a] */
	uint64_t limit_inodes;                  /* [I] 0 = none */
	uint64_t nr_inodes;                     /* [a] those made by programs */
	uint64_t fs_magic;                      /* [I] for statfs(2) */
	const struct inode_ops *ops;            /* [I] of every inode made */
	const struct file_ops *fops, *dir_fops; /* [I] */
};

struct tmpfs_inode {
	struct inode inode;
	struct memdir dir;       /* [inode.lock] */
	struct memxattrs xattrs; /* [inode.lock] */
	char *target;            /* [I] of a symbolic link; owned, or NULL */
	unsigned seals;          /* [inode.lock] F_SEAL_*, of a memory file */
	bool counted;            /* [I] in sb.nr_inodes */
};

static inline struct tmpfs_inode *tmpfs_inode_of(struct inode *inode)
{
	return container_of(inode, struct tmpfs_inode, inode);
}

extern const struct inode_ops tmpfs_ops;
extern const struct file_ops tmpfs_fops, tmpfs_dir_fops;
extern const struct pager tmpfs_pager;

/*
 * An inode as mode says, in memory of sb's inode_alloc; NULL = no memory. dir gives the group, and
 * the inode then counts against the limit, at which there is no memory either; may be NULL.
 */
struct inode *tmpfs_inode_new(struct superblock *sb, const struct inode *dir, uint32_t mode);
struct inode *tmpfs_inode_alloc(struct superblock *sb); /* superblock_ops.inode_alloc */
void tmpfs_inode_setup(struct inode *inode);            /* for other inode_allocs: the tmpfs part */
void tmpfs_inode_free(struct inode *inode);             /* superblock_ops.inode_free */
int tmpfs_statfs(struct superblock *sb, struct statfs_info *out);
void tmpfs_unmount(struct superblock *sb); /* superblock_ops.unmount: frees fs_private */

/* The inode_ops' entries, for those who wrap them. */
int tmpfs_create(struct inode *dir, const char *name, size_t len, uint32_t mode,
		 struct inode **out);
int tmpfs_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode, struct inode **out);
int tmpfs_mknod(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		struct inode **out);
int tmpfs_symlink(struct inode *dir, const char *name, size_t len, const char *target,
		  struct inode **out);
int tmpfs_link(struct inode *dir, const char *name, size_t len, struct inode *target);
int tmpfs_tmpfile(struct inode *dir, uint32_t mode, struct inode **out);
ssize_t tmpfs_readlink(struct inode *inode, char *buf, size_t size);
int tmpfs_getattr(struct inode *inode);
int tmpfs_setattr(struct inode *inode, const struct attr_change *c);
ssize_t tmpfs_xattr_get(struct inode *inode, const char *name, void *buf, size_t size);
int tmpfs_xattr_set(struct inode *inode, const char *name, const void *v, size_t size, int flags);
ssize_t tmpfs_xattr_list(struct inode *inode, char *buf, size_t size);
int tmpfs_xattr_remove(struct inode *inode, const char *name);
void tmpfs_dir_changed(struct inode *dir); /* times */

/*
 * "size=64m,nr_inodes=1k,mode=1777,uid=0": bytes, k, m, g, % of memory. -EINVAL. Absent fields
 * stay.
 */
struct tmpfs_options {
	uint64_t size_bytes, nr_inodes;
	uint32_t mode, uid, gid;
};
MUST_CHECK int tmpfs_parse_options(const char *text, struct tmpfs_options *out);
uint64_t tmpfs_default_size(void);   /* half of memory */
uint64_t tmpfs_default_inodes(void); /* one for each page of that */
/* A whole tmpfs; size 0 = no limit. */
MUST_CHECK int tmpfs_new(const struct tmpfs_options *o, unsigned sb_flags, struct superblock **out);
