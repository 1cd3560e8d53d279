/* SPDX-License-Identifier: BSD-2-Clause */
/* Permission checks inside kernel/fs; inode_permission() and vfs_access() are fs/vfs.h's. */
#pragma once
#include "fs/vfs.h"

enum may { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };

bool inode_is_owner(const struct inode *inode); /* or CAP_FOWNER */
int permission_create(const struct inode *dir); /* a name in dir: -ENOENT if dir is removed */
int permission_delete(const struct inode *dir, const struct inode *victim); /* sticky bit too */
