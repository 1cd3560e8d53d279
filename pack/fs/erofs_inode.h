/* SPDX-License-Identifier: BSD-2-Clause */
/* What the planner and the writer of an EROFS image both know of an inode. */
#pragma once
#include "pack/fs/erofs.h"

/* Of the inode's data: a file's, a link's target, a directory's blocks. */
uint64_t erofs_data_bytes(const struct node *node);
bool erofs_is_extended(const struct erofs_plan *plan, const struct node *node);
/* The last, partial block stands behind the inode. */
bool erofs_is_inline(const struct erofs_plan *plan, const struct node *node);
/* The inode and its extended attributes. */
uint32_t erofs_inode_bytes(const struct erofs_plan *plan, const struct node *node);
uint32_t erofs_xattr_bytes(const struct node *node);
/* The number of a name's prefix, and what follows it; 0: no such prefix, it is left out. */
uint8_t erofs_xattr_index(const char *name, const char **rest);
/* A directory's data, erofs_data_bytes long, into zeros. */
void erofs_directory_write(const struct node *dir, uint8_t *bytes);
