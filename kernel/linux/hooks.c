/* SPDX-License-Identifier: BSD-2-Clause */
/* The vfs's hooks: inotify, file locks, epoll, SIGIO (fs/vfs.h says when each is called). */
#include "linux/hooks.h"

#include "fs/vfs.h"
#include "linux/file/locks.h"
#include "linux/file/owner.h"
#include "linux/event/notify.h"
#include "linux/event/polling.h"

void hooks_install(void)
{
	vfs_notify = inotify_notify;
	vfs_locks_release = locks_release_file;
	vfs_inode_release = locks_release_inode;
	vfs_watchers_release = epoll_forget_file;
	vfs_owner_release = owner_release;
}
