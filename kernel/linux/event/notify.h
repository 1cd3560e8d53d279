/* SPDX-License-Identifier: BSD-2-Clause */
/* inotify's end of vfs_notify, and F_NOTIFY. */
#pragma once
#include "lib/types.h"

struct file;
struct inode;
void inotify_notify(struct inode *dir, struct inode *inode, const char *name, uint32_t mask,
		    uint32_t cookie);
/* fcntl(2) F_NOTIFY: the owner of a directory's open file (the caller) is signalled. */
long dnotify_set(int fd, struct file *f, unsigned long what);
/* The file ends: nobody is told any more. */
void dnotify_forget(const struct file *f);
