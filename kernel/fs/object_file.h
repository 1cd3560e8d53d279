/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of vfs_object_fops that file systems with something of their own to add build theirs
 * from. */
#pragma once
#include "fs/vfs.h"

void file_accessed(struct file *f); /* atime, as relatime has it; no lock held */
/* Before a write: its place (O_APPEND), its end (-EFBIG), and the gap that it may leave. */
MUST_CHECK int file_write_begin_locked(struct file *f, struct uio *u, int64_t *pos);
/* After a write up to `end`: size, times, set-id bits. */
void file_changed_locked(struct inode *inode, uint64_t end);
/* The file is about to grow: what a mapping wrote past its end, in the last page, becomes zero. */
void inode_zero_tail_locked(struct inode *inode);
int file_object_mmap(struct file *f, struct vm_area *area);
int64_t file_object_seek(struct file *f, int64_t offset, int whence);
ssize_t file_object_read(struct file *f, struct uio *u, int64_t *pos);
