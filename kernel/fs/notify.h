/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling inotify (through vfs_notify) what happened. Nothing is done, and no name looked up, for
 * an inode that nobody watches. No lock is held by the callers but inode locks.
 */
#pragma once
#include <linux/inotify.h>

#include "fs/vfs.h"

/* Something happened to the object at p; its directory is told with the name. dentry NULL:
 * nothing. */
void notify_path(const struct path *p, uint32_t in_mask);
/* A name in dir appeared, went or moved. */
void notify_name(struct inode *dir, struct inode *inode, const struct dentry *d, uint32_t in_mask,
		 uint32_t cookie);
uint32_t notify_new_cookie(void);
