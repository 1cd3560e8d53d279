/* SPDX-License-Identifier: BSD-2-Clause */
/* File locks: flock(2), record locks of processes and of open file descriptions (fcntl(2)). */
#pragma once
#include "core/file.h"
#include "lib/types.h"

/* F_GETLK and F_SETLK(W) with a struct flock in user memory; `ofd`: owned by the open file
 * description. */
long lock_get(struct file *f, uaddr_t flock, bool ofd);
long lock_set(int fd, struct file *f, uaddr_t flock, bool ofd, bool must_wait);
/* Set as vfs_locks_release and vfs_inode_release. */
void locks_release_file(struct file *f);
void locks_release_inode(struct inode *inode);
/* Each close(2) of any descriptor of an inode drops its table's record locks on it (fcntl(2)). */
struct fd_table;
void locks_close(struct file *f, const struct fd_table *owner);
