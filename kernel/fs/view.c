/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fs_view: the root, working directory and umask that threads of a process share (CLONE_FS), and
 * the calls that change them: chdir(2), chroot(2).
 */
#include <linux/capability.h>

#include "core/sched/thread.h"
#include "core/sync/spinlock.h"
#include "fs/mount.h"
#include "fs/permission.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"

struct fs_view *fs_view_new(const struct path *root)
{
	struct fs_view *v = kmem_new(struct fs_view);

	if (v == NULL)
		return NULL;
	ref_init(&v->ref);
	v->root = *root;
	v->cwd = *root;
	path_get(&v->root);
	path_get(&v->cwd);
	v->umask = 022;
	return v;
}

struct fs_view *fs_view_copy(const struct fs_view *v)
{
	struct fs_view *copy = kmem_new(struct fs_view);
	struct spinlock *lock = (struct spinlock *)&v->lock;

	if (copy == NULL)
		return NULL;
	ref_init(&copy->ref);
	scoped_spin(lock);
	copy->root = v->root;
	copy->cwd = v->cwd;
	path_get(&copy->root);
	path_get(&copy->cwd);
	copy->umask = v->umask;
	return copy;
}

void fs_view_get(struct fs_view *v)
{
	ref_get(&v->ref);
}

void fs_view_put(struct fs_view *v)
{
	if (!ref_put(&v->ref))
		return;
	path_put(&v->cwd);
	path_put(&v->root);
	kmem_free(v);
}

int view_root(struct path *out)
{
	struct fs_view *v = thread_current()->fs_view;

	if (v == NULL)
		return -ENOENT;
	scoped_spin(&v->lock);
	*out = v->root;
	path_get(out);
	return 0;
}

int view_cwd(struct path *out)
{
	struct fs_view *v = thread_current()->fs_view;

	if (v == NULL)
		return -ENOENT;
	scoped_spin(&v->lock);
	*out = v->cwd;
	path_get(out);
	return 0;
}

static int change(const struct path *p, bool root)
{
	struct fs_view *v = thread_current()->fs_view;
	struct path old, *slot;
	int err;

	if (!S_ISDIR(p->dentry->inode->mode))
		return -ENOTDIR;
	err = inode_permission(p->dentry->inode, MAY_EXEC);
	if (err != 0)
		return err;
	if (root && !cred_has_cap(cred_current(), CAP_SYS_CHROOT))
		return -EPERM;
	path_get(p);
	spin_lock(&v->lock);
	slot = root ? &v->root : &v->cwd;
	old = *slot;
	*slot = *p;
	spin_unlock(&v->lock);
	path_put(&old);
	return 0;
}

int vfs_chdir(const struct path *p)
{
	return change(p, false);
}

int vfs_chroot(const struct path *p)
{
	return change(p, true);
}
