/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inodes of an EROFS image in memory (abi/disk/erofs.h), as the reader of its list and that of one
 * file need them. The bytes come from anywhere: what lies outside is told, never read.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/disk/erofs.h"

struct erofs_image {
	const uint8_t *bytes;
	size_t len;
	struct erofs_super super;
};

struct erofs_inode {
	uint32_t mode, uid, gid, layout, first_block;
	uint64_t size, tail_at; /* tail_at: what stands behind the inode */
};

/* False: there is no superblock. The bytes stay the caller's. */
bool erofs_image_open(struct erofs_image *image, const void *bytes, size_t len);
/* False: it lies outside. */
bool erofs_image_inode(const struct erofs_image *image, uint64_t nid, struct erofs_inode *out);
/*
 * `len` bytes within one block of a file that is not compressed; NULL: they lie outside, or it is.
 */
const uint8_t *erofs_image_bytes(const struct erofs_image *image, const struct erofs_inode *inode,
				 uint64_t offset, size_t len);
