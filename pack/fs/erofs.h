/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a tree as an EROFS file system (abi/disk/erofs.h): blocks of 4 KiB, nothing compressed,
 * so that a kernel can use the pages where they lie in memory. Why not mkfs.erofs: it wants the
 * files in a folder, owned as they are to be, which takes a copy of everything and root or
 * fakeroot; and its result depends on the folder's times. Its own fsck.erofs checks ours in the
 * tests.
 *
 * Layout: superblock and all inodes first, each with its file's last, partial block behind it
 * where that fits into one block; then whole blocks, in the tree's order.
 */
#pragma once
#include "pack/sink.h"
#include "pack/tree/tree.h"

#define EROFS_BLOCK 4096u

struct erofs_plan {
	struct tree *tree;
	int64_t time;         /* the image's: of every file that says nothing else */
	struct node **inodes; /* in the order of their numbers' assignment; [0] is the root */
	size_t nr_inodes, capacity;
	uint32_t meta_blocks, blocks; /* the metadata's; all */
	uint8_t *meta;
};

/* Decides where everything goes. */
int erofs_plan(struct erofs_plan *plan, struct tree *tree, int64_t time, struct failure *failure);
/* Writes plan->blocks blocks; errors stay in the sink. */
void erofs_write(struct erofs_plan *plan, struct sink *sink);
