/* SPDX-License-Identifier: BSD-2-Clause */
/* Attribute changes that writing and opening bring with them. inode->lock is held in all. */
#pragma once
#include "fs/vfs.h"

MUST_CHECK int inode_truncate_locked(struct inode *inode, uint64_t size);
void inode_drop_set_id(struct inode *inode); /* after a write by someone without CAP_FSETID */
