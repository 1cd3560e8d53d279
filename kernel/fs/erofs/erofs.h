/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * erofs, read from memory: the root of an image (abi/hull/image.h). There is no block device and no
 * buffer: what the format calls a block is an address, and a page of a file that is stored as it is
 * becomes a page of the page cache where it lies (mm/object/object_place.c). Compressed files (LZ4)
 * are decoded into pages.
 *
 *	erofs.c		the superblock, mounting
 *	erofs_inode.c	inodes, and the table of those in use, by nid
 *	erofs_dir.c	names
 *	erofs_file.c	bytes of files and links
 *	erofs_cluster.c	where a compressed file's extents are
 *	erofs_xattr.c	extended attributes
 *
 * The image may be anything: nothing is read by an offset from it before erofs_at() has said that
 * it lies inside, every loop over its data is bounded by a size that was checked, and what makes no
 * sense is -EUCLEAN, as Linux has it. It does not change while it is mounted.
 */
#pragma once
#include "abi/disk/erofs.h"
#include "core/sync/spinlock.h"
#include "fs/vfs.h"
#include "lib/tree.h"

#define EROFS_BLOCK      4096u
#define EROFS_BLOCK_BITS 12u

struct erofs {
	const uint8_t *bytes;   /* [I] the image, page aligned */
	uint64_t len;           /* [I] as far as the superblock says */
	uint64_t meta, xattrs;  /* [I] offsets */
	uint64_t root_nid;      /* [I] */
	uint64_t nr_inodes;     /* [I] */
	struct timestamp built; /* [I] the time of compact inodes */
	struct superblock *sb;  /* [I] */
	struct spinlock lock;
	struct tree nodes; /* [lock] erofs_inode.node, by nid */
};

struct erofs_inode {
	struct inode inode;
	uint64_t nid;             /* [I] */
	enum erofs_layout layout; /* [I] */
	uint32_t data;            /* [I] the format's union: first block, or how chunks are */
	uint64_t xattrs;          /* [I] offset of the xattrs, */
	uint64_t xattr_bytes;     /* [I] their length: inside the image */
	uint64_t tail;            /* [I] offset behind them: inline bytes, or tables */
	uint16_t advise;          /* [I] of a compressed file's map header */
	bool in_table;            /* [erofs.lock] */
	struct tree_node node;    /* [erofs.lock] */
};

static inline struct erofs *erofs_of(const struct superblock *sb)
{
	return sb->fs_private;
}

static inline struct erofs_inode *erofs_inode_of(struct inode *inode)
{
	return container_of(inode, struct erofs_inode, inode);
}

/* [offset, offset + len) of the image; NULL: not all of it is there. */
static inline const void *erofs_at(const struct erofs *fs, uint64_t offset, uint64_t len)
{
	return offset <= fs->len && len <= fs->len - offset ? fs->bytes + offset : NULL;
}

/* ---- erofs_inode.c ---- */

/* Counted; the same one as long as somebody has it. -EUCLEAN, -ENOMEM. */
MUST_CHECK int erofs_inode_get(struct erofs *fs, uint64_t nid, struct inode **out);
struct inode *erofs_inode_alloc(struct superblock *sb);
void erofs_inode_free(struct inode *inode);

/* ---- erofs_dir.c ---- */

extern const struct inode_ops erofs_dir_inode_ops;
extern const struct file_ops erofs_dir_fops;
/* The nid that a directory has under a name. -ENOENT, -EUCLEAN. */
MUST_CHECK int erofs_dir_find(struct erofs_inode *dir, const char *name, size_t len, uint64_t *nid);

/* ---- erofs_file.c ---- */

extern const struct pager erofs_pager, erofs_compressed_pager;
/* Bytes of a file that is not compressed, up to what is contiguous. */
struct erofs_run {
	const uint8_t *bytes; /* NULL: a hole */
	uint64_t len;         /* not 0 */
};
/* pos is before the end. -EUCLEAN. */
MUST_CHECK int erofs_run_at(const struct erofs_inode *node, uint64_t pos, struct erofs_run *out);
ssize_t erofs_readlink(struct inode *inode, char *buf, size_t size);
/* All of [pos, pos + len), which is before the end. */
MUST_CHECK int erofs_read(const struct erofs_inode *node, uint64_t pos, void *buf, size_t len);

/* ---- erofs_cluster.c ---- */

struct erofs_extent {
	uint64_t start, end; /* of the file's bytes */
	const uint8_t *bytes;
	size_t len; /* stored; they stand at its end, if they are compressed */
	bool is_plain;
};
/* The extent with the byte at pos, which is before the end. -EUCLEAN. */
MUST_CHECK int erofs_extent_at(const struct erofs_inode *node, uint64_t pos,
			       struct erofs_extent *out);

/* ---- erofs_xattr.c ---- */

ssize_t erofs_xattr_get(struct inode *inode, const char *name, void *buf, size_t size);
ssize_t erofs_xattr_list(struct inode *inode, char *buf, size_t size);
