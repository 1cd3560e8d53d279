/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names made, removed and linked: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rmdir(2).
 * Each finds the directory, locks it, looks the last component up under the lock, checks, asks the
 * file system, and brings the dentry cache in line. rename(2) is rename.c's.
 */
#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/stat.h>

#include "core/sched/thread.h"
#include "fs/notify.h"
#include "fs/permission.h"
#include "fs/walk.h"
#include "lib/errno.h"
#include "lib/string.h"

/* What is to be made. */
struct new_name {
	uint32_t mode; /* S_IF* and permissions, umask applied */
	uint64_t rdev;
	const char *target;  /* of a symbolic link */
	struct inode *inode; /* of a hard link */
};

static uint32_t apply_umask(uint32_t mode)
{
	struct fs_view *v = thread_current()->fs_view;

	return mode & ~(v != NULL ? atomic_load(&v->umask) : 022);
}

/* Asks the file system, by kind. -EPERM: it has no such thing. */
static int make(struct inode *dir, const struct walk *w, const struct new_name *n,
		struct inode **out)
{
	const struct inode_ops *ops = dir->ops;
	const char *name = w->last;
	size_t len = w->last_len;

	if (n->inode != NULL) {
		int err = ops->link != NULL ? ops->link(dir, name, len, n->inode) : -EPERM;

		if (err == 0)
			inode_get(n->inode);
		*out = n->inode;
		return err;
	}
	if (n->target != NULL)
		return ops->symlink != NULL ? ops->symlink(dir, name, len, n->target, out) : -EPERM;
	if (S_ISDIR(n->mode))
		return ops->mkdir != NULL ? ops->mkdir(dir, name, len, n->mode, out) : -EPERM;
	if (S_ISREG(n->mode))
		return ops->create != NULL ? ops->create(dir, name, len, n->mode, out) : -EPERM;
	return ops->mknod != NULL ? ops->mknod(dir, name, len, n->mode, n->rdev, out) : -EPERM;
}

/* dir->lock is held. */
static int make_locked(struct walk *w, const struct new_name *n)
{
	struct inode *dir = w->at.dentry->inode, *inode;
	struct dentry *d;
	bool exists;
	int err = walk_lookup_locked(w->at.dentry, w->last, w->last_len, &d);

	if (err != 0)
		return err;
	exists = d->inode != NULL;
	dentry_put(d);
	if (exists)
		return -EEXIST;
	if (w->trailing_slash && !S_ISDIR(n->mode))
		return -ENOENT;
	err = mount_check_write(&w->at);
	if (err == 0)
		err = permission_create(dir);
	if (err == 0)
		err = make(dir, w, n, &inode);
	if (err != 0)
		return err;
	d = dentry_add(w->at.dentry, w->last, w->last_len, inode, !dir->ops->dynamic_dir);
	if (d == NULL)
		return 0; /* it is made; look-ups will ask the file system */
	notify_name(dir, d->inode, d, IN_CREATE, 0);
	dentry_put(d);
	return 0;
}

static int make_name(const struct path *at, const char *name, const struct new_name *n)
{
	struct walk w;
	int err = walk_begin(&w, at, name, LOOKUP_NOFOLLOW);
	struct inode *dir, *target = n->inode;

	if (err == 0 && w.kind != WALK_NAME)
		err = -EEXIST;
	if (err == 0 && !S_ISDIR(w.at.dentry->inode->mode))
		err = -ENOTDIR;
	if (err == 0)
		err = inode_permission(w.at.dentry->inode, MAY_EXEC);
	if (err == 0 && target != NULL && target->sb != w.at.dentry->sb)
		err = -EXDEV;
	if (err == 0) {
		dir = w.at.dentry->inode;
		mutex_lock(&dir->lock);
		if (target != NULL)
			mutex_lock(&target->lock);
		err = make_locked(&w, n);
		if (target != NULL)
			mutex_unlock(&target->lock);
		mutex_unlock(&dir->lock);
	}
	walk_end(&w);
	return err;
}

int vfs_mkdir(const struct path *at, const char *name, uint32_t mode)
{
	struct new_name n = { .mode = S_IFDIR | apply_umask(mode & 01777) };

	return make_name(at, name, &n);
}

int vfs_mknod(const struct path *at, const char *name, uint32_t mode, uint64_t rdev)
{
	struct new_name n = { .rdev = rdev };

	if ((mode & S_IFMT) == 0)
		mode |= S_IFREG;
	if (S_ISDIR(mode))
		return -EPERM;
	if (!S_ISREG(mode) && !S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) &&
	    !S_ISSOCK(mode))
		return -EINVAL;
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && !cred_has_cap(cred_current(), CAP_MKNOD))
		return -EPERM;
	n.mode = (mode & S_IFMT) | apply_umask(mode & 07777);
	return make_name(at, name, &n);
}

int vfs_symlink(const char *target, const struct path *at, const char *name)
{
	struct new_name n = { .mode = S_IFLNK | 0777, .target = target };

	if (target[0] == '\0')
		return -ENOENT;
	if (strnlen(target, PATH_LEN_MAX) >= PATH_LEN_MAX)
		return -ENAMETOOLONG;
	return make_name(at, name, &n);
}

int vfs_link(const struct path *target, const struct path *at, const char *name)
{
	struct inode *inode = target->dentry->inode;
	struct new_name n = { .mode = inode->mode, .inode = inode };

	if (S_ISDIR(inode->mode))
		return -EPERM;
	return make_name(at, name, &n);
}

/* The victim's name is gone: so is its dentry. That there is none now need not be asked for
 * again. */
static void forget(struct walk *w, struct dentry *d, bool directory)
{
	struct inode *dir = w->at.dentry->inode;

	notify_name(dir, NULL, d, IN_DELETE | (directory ? IN_ISDIR : 0), 0);
	dentry_drop(d);
	if (directory)
		dentry_drop_children(d);
	if (!dir->ops->dynamic_dir)
		dentry_put(dentry_add(w->at.dentry, w->last, w->last_len, NULL, true));
}

/* What the watchers of the inode itself hear: a name less, and the end of it with the last one. */
static void notify_removed(const struct dentry *victim, bool directory)
{
	if (!directory)
		notify_name(NULL, victim->inode, victim, IN_ATTRIB, 0);
	if (directory || victim->inode->nlink == 0)
		notify_name(NULL, victim->inode, victim, IN_DELETE_SELF, 0);
}

static int remove_file_locked(struct walk *w, struct dentry *d)
{
	struct inode *dir = w->at.dentry->inode;
	int err;

	if (S_ISDIR(d->inode->mode))
		return -EISDIR;
	if (w->trailing_slash)
		return -ENOTDIR;
	if (dir->ops->unlink == NULL)
		return -EPERM;
	mutex_lock(&d->inode->lock);
	err = dir->ops->unlink(dir, w->last, w->last_len, d->inode);
	mutex_unlock(&d->inode->lock);
	if (err == 0)
		forget(w, d, false);
	return err;
}

static int remove_dir_locked(struct walk *w, struct dentry *d)
{
	struct inode *dir = w->at.dentry->inode;
	int err;

	if (!S_ISDIR(d->inode->mode))
		return -ENOTDIR;
	if (dir->ops->rmdir == NULL)
		return -EPERM;
	mutex_lock(&d->inode->lock);
	err = dir->ops->rmdir(dir, w->last, w->last_len, d->inode);
	mutex_unlock(&d->inode->lock);
	if (err == 0)
		forget(w, d, true);
	return err;
}

/* dir->lock is held. *out: the removed dentry, counted, to be put after unlocking. */
static int remove_locked(struct walk *w, bool directory, struct dentry **out)
{
	struct inode *dir = w->at.dentry->inode;
	int err = walk_lookup_locked(w->at.dentry, w->last, w->last_len, out);

	if (err != 0)
		return err;
	if ((*out)->inode == NULL)
		return -ENOENT;
	err = mount_check_write(&w->at);
	if (err == 0)
		err = permission_delete(dir, (*out)->inode);
	if (err == 0 && (*out)->is_mountpoint)
		err = -EBUSY;
	if (err != 0)
		return err;
	return directory ? remove_dir_locked(w, *out) : remove_file_locked(w, *out);
}

static int remove_name(const struct path *at, const char *name, bool directory)
{
	static const int wrong_kind[] = {
		[WALK_DOT] = -EINVAL, [WALK_DOTDOT] = -ENOTEMPTY, [WALK_NONE] = -EBUSY
	};
	struct dentry *victim = NULL;
	struct inode *dir;
	struct walk w;
	int err = walk_begin(&w, at, name, LOOKUP_NOFOLLOW);

	if (err == 0 && !S_ISDIR(w.at.dentry->inode->mode))
		err = -ENOTDIR;
	else if (err == 0 && w.kind != WALK_NAME)
		err = directory ? wrong_kind[w.kind] : -EISDIR;
	if (err == 0)
		err = inode_permission(w.at.dentry->inode, MAY_EXEC);
	if (err == 0) {
		dir = w.at.dentry->inode;
		mutex_lock(&dir->lock);
		err = remove_locked(&w, directory, &victim);
		mutex_unlock(&dir->lock);
	}
	if (victim != NULL && err == 0 && victim->inode != NULL)
		notify_removed(victim, directory);
	dentry_put(victim);
	walk_end(&w);
	return err;
}

int vfs_unlink(const struct path *at, const char *name)
{
	return remove_name(at, name, false);
}

int vfs_rmdir(const struct path *at, const char *name)
{
	return remove_name(at, name, true);
}
