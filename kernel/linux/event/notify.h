/* SPDX-License-Identifier: BSD-2-Clause */
/* inotify's end of vfs_notify. */
#pragma once
#include "lib/types.h"

struct inode;
void inotify_notify(struct inode *dir, struct inode *inode, const char *name, uint32_t mask,
		    uint32_t cookie);
