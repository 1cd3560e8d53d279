/* SPDX-License-Identifier: BSD-2-Clause */
/* How kernel/fs makes open files. */
#pragma once
#include "fs/vfs.h"

/* An open file over inode (a count is taken) with no path and the given table; traits from flags.
 * NULL = no memory. Whoever allocated it and fails before anyone saw it calls file_discard. */
struct file *file_alloc(struct inode *inode, unsigned flags, const struct file_ops *ops);
void file_discard(struct file *f); /* without release */
/* Counts f's inode as open for writing, if f writes: -ETXTBSY. file_put and file_discard undo
 * it. */
MUST_CHECK int file_claim_write(struct file *f);
/* An inode without a name, nlink 1, in the file system of such. NULL = no memory. */
struct inode *anonymous_inode_new(uint32_t mode);
bool inode_is_anonymous(const struct inode *inode);
/* Opening an anonymous inode by its path gives the file that it belongs to once more. -ENXIO,
 * -EACCES. */
MUST_CHECK int anonymous_reopen(struct inode *inode, unsigned flags, struct file **out);
void anonymous_release(struct file *f); /* f is about to be freed */
/* lseek(2) by inode->size alone; the new position, which the caller stores. */
int64_t file_seek_plain(const struct file *f, int64_t offset, int whence);
