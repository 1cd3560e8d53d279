/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open(2), openat2(2): from a name to an open file. Three ways lead to open_inode(), which checks
 * what may be done with an object of its kind and hands it to its implementer: an existing path, a
 * name that is created (O_CREAT), and a file without a name (O_TMPFILE).
 */
#include <asm/fcntl.h>
#include <linux/stat.h>

#include "core/sched/thread.h"
#include "fs/attr.h"
#include "fs/notify.h"
#include "fs/openfile.h"
#include "fs/permission.h"
#include "fs/pipe/pipe.h"
#include "fs/walk.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define TMPFILE_BIT ((unsigned)O_TMPFILE & ~(unsigned)O_DIRECTORY)

LINKER_SET(chrdevs, struct chrdev);

static const struct file_ops path_only_fops = { .read = NULL };

static const struct chrdev *chrdev_find(uint64_t rdev)
{
	LINKER_SET_FOREACH(chrdevs, c) {
		if (c->major == dev_major(rdev) && dev_minor(rdev) >= c->minor &&
		    dev_minor(rdev) - c->minor < c->nr_minors)
			return c;
	}
	return NULL;
}

static bool wants_write(unsigned flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

/* What the kind of object and the flags have to say to each other. */
static int check_kind(const struct path *p, unsigned flags)
{
	uint32_t mode = p->dentry->inode->mode;
	unsigned mount_flags = p->mnt->flags | p->mnt->sb->flags;

	if ((flags & O_DIRECTORY) && !S_ISDIR(mode))
		return -ENOTDIR;
	if (flags & O_PATH)
		return 0;
	if (S_ISLNK(mode))
		return -ELOOP;
	if (S_ISDIR(mode) && (wants_write(flags) || (flags & O_CREAT)))
		return -EISDIR;
	if (S_ISSOCK(mode))
		return -ENXIO;
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && (mount_flags & SB_NODEV))
		return -EACCES;
	if ((S_ISREG(mode) || S_ISDIR(mode)) && wants_write(flags) && (mount_flags & SB_RDONLY))
		return -EROFS;
	return 0;
}

static int check_permission(struct inode *inode, unsigned flags)
{
	static const unsigned char masks[] = {
		[O_RDONLY] = MAY_READ,
		[O_WRONLY] = MAY_WRITE,
		[O_RDWR] = MAY_READ | MAY_WRITE,
		[O_ACCMODE] = MAY_READ | MAY_WRITE,
	};
	int err;

	if (flags & O_PATH)
		return 0;
	err = inode_permission(inode, masks[flags & O_ACCMODE] |
					      (flags & O_TRUNC ? (unsigned)MAY_WRITE : 0));
	if (err == 0 && (flags & O_NOATIME) && !inode_is_owner(inode))
		return -EPERM;
	return err;
}

/* Hands f to the implementer of its kind of inode. */
static int open_by_kind(struct inode *inode, struct file *f)
{
	const struct chrdev *dev;

	if (S_ISFIFO(inode->mode))
		return pipe_fifo_open(inode, f);
	if (S_ISCHR(inode->mode)) {
		dev = chrdev_find(inode->rdev);
		return dev != NULL ? dev->open(inode, f) : -ENXIO;
	}
	if (inode->fops == NULL || S_ISBLK(inode->mode))
		return -ENXIO;
	f->ops = inode->fops;
	return inode->ops->open != NULL ? inode->ops->open(inode, f) : 0;
}

static int truncate_opened(struct file *f)
{
	struct inode *inode = f->inode;
	int err;

	if (!S_ISREG(inode->mode))
		return 0;
	mutex_lock(&inode->lock);
	err = inode_truncate_locked(inode, 0);
	mutex_unlock(&inode->lock);
	if (err == 0)
		notify_path(&f->path, IN_MODIFY);
	return err;
}

/* p's counts are taken by the file, or put. created: the caller made it just now. */
static int open_inode(struct path *p, unsigned flags, bool created, struct file **out)
{
	struct inode *inode = p->dentry->inode;
	struct file *f;
	int err = check_kind(p, flags);

	if (err == 0 && !created)
		err = check_permission(inode, flags);
	if (err == 0 && inode_is_anonymous(inode) && inode->pipe == NULL && !(flags & O_PATH)) {
		err = anonymous_reopen(inode, flags, out);
		path_put(p);
		return err;
	}
	f = err == 0 ? file_alloc(inode, flags, &path_only_fops) : NULL;
	if (f == NULL) {
		path_put(p);
		return err != 0 ? err : -ENOMEM;
	}
	f->path = *p;
	err = file_claim_write(f);
	if (err == 0 && !(flags & O_PATH))
		err = open_by_kind(inode, f);
	if (err != 0) {
		file_discard(f);
		return err;
	}
	if ((flags & O_TRUNC) && !created && !(flags & O_PATH))
		err = truncate_opened(f);
	f->flags &= ~(unsigned)(O_TRUNC | O_NOCTTY);
	if (err != 0) {
		file_put(f);
		return err;
	}
	if (!(flags & O_PATH))
		notify_path(&f->path, IN_OPEN);
	*out = f;
	return 0;
}

/* What O_PATH leaves of the flags. */
static unsigned clean_flags(unsigned flags)
{
	if (flags & O_PATH)
		return flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return flags;
}

int vfs_open_path(const struct path *p, unsigned open_flags, struct file **out)
{
	struct path own = *p;

	path_get(&own);
	return open_inode(&own, clean_flags(open_flags) & ~(unsigned)(O_CREAT | O_EXCL), false,
			  out);
}

static uint32_t create_mode(uint32_t mode)
{
	struct fs_view *v = thread_current()->fs_view;

	return S_IFREG | (mode & 07777 & ~atomic_load(&v->umask));
}

/* w->last does not exist in w->at: makes it. The directory is locked. *d is the new dentry. */
static int create_locked(struct walk *w, uint32_t mode, struct dentry **d)
{
	struct inode *dir = w->at.dentry->inode, *inode;
	int err = permission_create(dir);

	if (err == 0)
		err = mount_check_write(&w->at);
	if (err == 0 && dir->ops->create == NULL)
		err = -EACCES;
	if (err == 0)
		err = dir->ops->create(dir, w->last, w->last_len, create_mode(mode), &inode);
	if (err != 0)
		return err;
	*d = dentry_add(w->at.dentry, w->last, w->last_len, inode, !dir->ops->dynamic_dir);
	return *d == NULL ? -ENOMEM : 0;
}

/* Looks w->last up and makes it if it is not there. *d is counted; *created says which. */
static int find_or_create(struct walk *w, uint32_t mode, struct dentry **d, bool *created)
{
	struct inode *dir = w->at.dentry->inode;
	int err;

	*created = false;
	err = walk_child(w, d);
	if (err != 0 || (*d)->inode != NULL)
		return err;
	dentry_put(*d);
	if (w->trailing_slash)
		return -EISDIR;
	mutex_lock(&dir->lock);
	err = walk_lookup_locked(w->at.dentry, w->last, w->last_len, d);
	if (err == 0 && (*d)->inode == NULL) {
		dentry_put(*d);
		err = create_locked(w, mode, d);
		*created = err == 0;
	}
	mutex_unlock(&dir->lock);
	if (*created)
		notify_name(dir, (*d)->inode, *d, IN_CREATE, 0);
	return err;
}

/* The walk ended at something that is no name of a directory's: it exists. */
static int open_end(struct walk *w, unsigned flags, struct file **out)
{
	struct path p;
	int err;

	if (flags & O_EXCL)
		return -EEXIST;
	err = walk_finish(w, &p);
	return err != 0 ? err : open_inode(&p, flags, false, out);
}

static int open_create(struct walk *w, unsigned flags, uint32_t mode, struct file **out)
{
	struct path p = { NULL, NULL };
	bool created;
	int err;

	for (;;) {
		if (w->kind != WALK_NAME)
			return open_end(w, flags, out);
		err = find_or_create(w, mode, &p.dentry, &created);
		if (err != 0)
			return err;
		if (created || !dentry_is_link(p.dentry) || (w->flags & LOOKUP_NOFOLLOW))
			break;
		err = walk_follow(w, p.dentry);
		dentry_put(p.dentry);
		if (err != 0)
			return err;
	}
	p.mnt = w->at.mnt;
	mount_get(p.mnt);
	if (!created && (flags & O_EXCL))
		err = -EEXIST;
	else if (!created && w->trailing_slash)
		err = S_ISDIR(p.dentry->inode->mode) ? -EISDIR : -ENOTDIR;
	else
		err = walk_cross(w, &p);
	if (err != 0) {
		path_put(&p);
		return err;
	}
	return open_inode(&p, flags, created, out);
}

/* The dentry of a file without a name: unhashed, so that it counts as deleted. */
static int tmpfile_path(const struct path *dir, struct inode *inode, struct path *out)
{
	char name[32];
	int len = fmt(name, sizeof(name), "#%llu", (unsigned long long)inode->ino);
	struct dentry *d = dentry_add(dir->dentry, name, (size_t)len, inode, false);

	if (d == NULL)
		return -ENOMEM;
	*out = (struct path){ dir->mnt, d };
	mount_get(out->mnt);
	return 0;
}

static int open_tmpfile(const struct path *dir, unsigned flags, uint32_t mode, struct file **out)
{
	struct inode *d = dir->dentry->inode, *inode;
	struct path p;
	int err = permission_create(d);

	if (err == 0)
		err = mount_check_write(dir);
	if (err == 0 && d->ops->tmpfile == NULL)
		err = -EOPNOTSUPP;
	if (err != 0)
		return err;
	mutex_lock(&d->lock);
	err = d->ops->tmpfile(d, create_mode(mode), &inode);
	mutex_unlock(&d->lock);
	if (err == 0)
		err = tmpfile_path(dir, inode, &p);
	if (err != 0)
		return err;
	flags &= ~(TMPFILE_BIT | (unsigned)O_DIRECTORY);
	return open_inode(&p, flags, true, out);
}

static int check_flags(unsigned flags)
{
	if (flags & TMPFILE_BIT) {
		if (!(flags & O_DIRECTORY) || (flags & O_CREAT))
			return -EINVAL;
		return (flags & O_ACCMODE) == O_RDONLY ? -EINVAL : 0;
	}
	return 0;
}

int vfs_open(const struct path *at, const char *name, unsigned open_flags, uint32_t mode,
	     unsigned lookup, struct file **out)
{
	unsigned flags = clean_flags(open_flags);
	struct walk w;
	struct path p;
	int err = check_flags(flags);

	if (err != 0)
		return err;
	if ((flags & O_NOFOLLOW) || ((flags & O_CREAT) && (flags & O_EXCL)))
		lookup |= LOOKUP_NOFOLLOW;
	if (flags & O_DIRECTORY)
		lookup |= LOOKUP_DIRECTORY;
	err = walk_begin(&w, at, name, lookup);
	if (err != 0)
		goto out_walk;
	if (flags & O_CREAT) {
		err = open_create(&w, flags, mode, out);
		goto out_walk;
	}
	err = walk_finish(&w, &p);
	if (err != 0)
		goto out_walk;
	if (flags & TMPFILE_BIT) {
		err = open_tmpfile(&p, flags, mode, out);
		path_put(&p);
	} else {
		err = open_inode(&p, flags, false, out);
	}
out_walk:
	walk_end(&w);
	return err;
}
