/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounts: the kinds of file system, mounting and unmounting (mount(2), umount2(2)). One list holds
 * all mounts in order; there are few, so finding the one on a dentry is a walk along it, done only
 * for dentries marked is_mountpoint.
 */
#include <linux/capability.h>
#include <linux/mount.h>

#include "core/sched/thread.h"
#include "core/sync/spinlock.h"
#include "fs/dentry.h"
#include "fs/mount.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define UMOUNT_FORCE    1u
#define UMOUNT_DETACH   2u
#define UMOUNT_EXPIRE   4u
#define UMOUNT_NOFOLLOW 8u

LINKER_SET(fs_types, struct fs_type);

static struct spinlock mount_lock = SPINLOCK_INIT;
static struct list mounts = LIST_INIT(mounts); /* [mount_lock] in order of mounting */
static unsigned last_id;                       /* [mount_lock] */

const struct fs_type *fs_type_find(const char *name)
{
	LINKER_SET_FOREACH(fs_types, t) {
		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

void path_get(const struct path *p)
{
	mount_get(p->mnt);
	dentry_get(p->dentry);
}

void path_put(const struct path *p)
{
	if (p->dentry != NULL)
		dentry_put(p->dentry);
	if (p->mnt != NULL)
		mount_put(p->mnt);
}

void mount_get(struct mount *m)
{
	ref_get(&m->ref);
}

void mount_put(struct mount *m)
{
	if (!ref_put(&m->ref))
		return;
	dentry_put(m->root);
	superblock_put(m->sb);
	kmem_free(m->source);
	kmem_free(m);
}

struct mount *mount_new(struct superblock *sb, const char *source, unsigned flags)
{
	struct mount *m = kmem_new(struct mount);
	char *name = kmem_string(source);

	if (m == NULL || name == NULL) {
		kmem_free(m);
		kmem_free(name);
		superblock_put(sb);
		return NULL;
	}
	ref_init(&m->ref);
	m->sb = sb;
	m->root = sb->root;
	dentry_get(m->root);
	m->flags = flags;
	m->source = name;
	list_init(&m->link);
	return m;
}

struct mount *mount_at(const struct path *p)
{
	struct mount *m, *found = NULL;

	scoped_spin(&mount_lock);
	list_foreach(&mounts, m, link) {
		if (m->parent == p->mnt && m->mountpoint == p->dentry)
			found = m;
	}
	if (found != NULL)
		mount_get(found);
	return found;
}

bool mount_point(struct mount *m, struct path *out)
{
	scoped_spin(&mount_lock);
	if (m->parent == NULL)
		return false;
	*out = (struct path){ m->parent, m->mountpoint };
	path_get(out);
	return true;
}

int mount_check_write(const struct path *p)
{
	return (atomic_load(&p->mnt->flags) | p->mnt->sb->flags) & SB_RDONLY ? -EROFS : 0;
}

/* Puts m into the tree at `at` (NULL: as the first). Takes the counts of m and at. */
static int attach(struct mount *m, const struct path *at)
{
	scoped_spin(&mount_lock);
	if (at == NULL && !list_is_empty(&mounts))
		return -EBUSY;
	if (at != NULL) {
		m->parent = at->mnt;
		m->mountpoint = at->dentry;
		dentry_set_mountpoint(at->dentry, true);
	}
	m->id = ++last_id;
	list_append(&mounts, &m->link);
	return 0;
}

static int attach_root(struct mount *m)
{
	struct thread *t = thread_current();
	struct path root = { m, m->root };
	int err;

	if (t->fs_view == NULL)
		t->fs_view = fs_view_new(&root);
	if (t->fs_view == NULL)
		return -ENOMEM;
	err = attach(m, NULL);
	return err;
}

int vfs_mount(const char *fs, const char *source, const char *target, unsigned sb_flags,
	      const char *options)
{
	const struct fs_type *type = fs_type_find(fs);
	struct path at = { NULL, NULL };
	bool first = list_is_empty(&mounts);
	struct superblock *sb;
	struct mount *m;
	int err;

	if (type == NULL)
		return -ENODEV;
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	if (first && strcmp(target, "/") != 0)
		return -ENOENT;
	if (!first) {
		err = vfs_lookup(NULL, target, 0, &at);
		if (err != 0)
			return err;
	}
	err = type->mount(source, options, sb_flags, &sb);
	if (err != 0)
		goto err_path;
	m = mount_new(sb, source, sb_flags);
	err = -ENOMEM;
	if (m == NULL)
		goto err_path;
	err = -ENOTDIR;
	if (!first && S_ISDIR(at.dentry->inode->mode) != S_ISDIR(m->root->inode->mode))
		goto err_mount;
	err = first ? attach_root(m) : attach(m, &at);
	if (err == 0)
		return 0;
err_mount:
	mount_put(m);
err_path:
	path_put(&at);
	return err;
}

/* Is anything mounted below m? */
static bool has_children_locked(const struct mount *m)
{
	struct mount *other;

	list_foreach(&mounts, other, link) {
		if (other->parent == m)
			return true;
	}
	return false;
}

/* Another mount still stands on the same dentry. */
static bool is_stacked_locked(const struct dentry *mountpoint)
{
	struct mount *other;

	list_foreach(&mounts, other, link) {
		if (other->mountpoint == mountpoint)
			return true;
	}
	return false;
}

int vfs_unmount(const struct path *p, unsigned flags)
{
	struct mount *m = p->mnt;
	struct path at;

	if (flags & ~(UMOUNT_FORCE | UMOUNT_DETACH | UMOUNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	if ((flags & UMOUNT_EXPIRE) && (flags & (UMOUNT_FORCE | UMOUNT_DETACH)))
		return -EINVAL;
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	if (p->dentry != m->root)
		return -EINVAL;
	dentry_prune(m->sb);
	spin_lock(&mount_lock);
	/* Two counts are always there: the list's and the caller's path's. */
	if (m->parent == NULL || list_is_empty(&m->link) || has_children_locked(m) ||
	    (!(flags & UMOUNT_DETACH) && atomic_load(&m->ref.count) > 2)) {
		spin_unlock(&mount_lock);
		return -EBUSY;
	}
	at = (struct path){ m->parent, m->mountpoint };
	list_remove(&m->link);
	m->parent = NULL;
	m->mountpoint = NULL;
	if (!is_stacked_locked(at.dentry))
		dentry_set_mountpoint(at.dentry, false);
	spin_unlock(&mount_lock);
	path_put(&at);
	mount_put(m);
	return 0;
}

/* The mount after `after` in the list (NULL: the first), counted; `after` is put. */
static struct mount *next_mount(struct mount *after)
{
	struct mount *m = NULL;

	spin_lock(&mount_lock);
	if (after == NULL)
		m = list_first(&mounts, struct mount, link);
	else if (!list_is_empty(&after->link) && after->link.next != &mounts)
		m = list_entry(after->link.next, struct mount, link);
	if (m != NULL)
		mount_get(m);
	spin_unlock(&mount_lock);
	if (after != NULL)
		mount_put(after);
	return m;
}

int vfs_mounts_foreach(int (*fn)(struct mount *m, const char *mountpoint, void *arg), void *arg)
{
	char *buf = kmem_alloc(PATH_LEN_MAX), *name;
	int result = 0;

	if (buf == NULL)
		return -ENOMEM;
	for (struct mount *m = next_mount(NULL); m != NULL; m = next_mount(m)) {
		struct path p = { m, m->root };

		if (path_name(&p, buf, PATH_LEN_MAX, &name) != 0)
			continue;
		result = fn(m, name, arg);
		if (result != 0) {
			mount_put(m);
			break;
		}
	}
	kmem_free(buf);
	return result;
}

void vfs_sync(void)
{
	for (struct mount *m = next_mount(NULL); m != NULL; m = next_mount(m)) {
		if (m->sb->ops->sync != NULL)
			(void)!m->sb->ops->sync(m->sb);
	}
}
