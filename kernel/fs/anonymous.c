/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files without a name: pipe ends, eventfd and the like. Their inodes live in a file system that is
 * mounted nowhere. /proc/self/fd/N still leads to them: file_path_get makes a nameless dentry, and
 * opening that path gives the same open file again (there is no second one to make: only the file
 * has the state).
 *
 * inode->fs_private is the file that an anonymous inode belongs to, without a count, guarded by
 * files_lock: it is cleared before the file is freed.
 */
#include <asm/fcntl.h>

#include "core/sync/mutex.h"
#include "core/sync/spinlock.h"
#include "fs/dentry.h"
#include "fs/mount.h"
#include "fs/openfile.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"

static const struct superblock_ops anonymous_sb_ops = { .drop_unused = true };
static const struct inode_ops anonymous_ops = { .getattr = NULL };

static struct mutex init_lock = MUTEX_INIT(init_lock);
static struct mount *home; /* [init_lock to write] */
static struct spinlock files_lock = SPINLOCK_INIT;

static struct mount *make_home(void)
{
	struct superblock *sb = superblock_new("anon_inodefs", &anonymous_sb_ops, 0);
	struct inode *root;

	if (sb == NULL)
		return NULL;
	root = inode_new(sb, S_IFDIR | 0555);
	if (root == NULL) {
		superblock_put(sb);
		return NULL;
	}
	root->ops = &anonymous_ops;
	if (superblock_set_root(sb, root) != 0) {
		superblock_put(sb);
		return NULL;
	}
	return mount_new(sb, "anon_inodefs", 0);
}

static struct mount *get_home(void)
{
	if (atomic_load(&home) != NULL)
		return home;
	scoped_mutex(&init_lock);
	if (home == NULL)
		atomic_store(&home, make_home());
	return home;
}

bool inode_is_anonymous(const struct inode *inode)
{
	return atomic_load(&home) != NULL && inode->sb == home->sb;
}

struct inode *anonymous_inode_new(uint32_t mode)
{
	struct mount *m = get_home();
	struct inode *inode = m != NULL ? inode_new(m->sb, mode) : NULL;

	if (inode != NULL)
		inode->ops = &anonymous_ops;
	return inode;
}

int file_new_anonymous(const struct file_ops *ops, uint32_t mode, unsigned flags, void *private,
		       struct file **out)
{
	struct inode *inode = anonymous_inode_new(mode);
	struct file *f;

	if (inode == NULL)
		return -ENOMEM;
	f = file_alloc(inode, flags, ops);
	inode_put(inode);
	if (f == NULL)
		return -ENOMEM;
	f->private = private;
	f->traits &= ~(unsigned)FILE_SEEKABLE;
	f->traits |= FILE_STREAM;
	inode->fs_private = f;
	*out = f;
	return 0;
}

void anonymous_release(struct file *f)
{
	if (!inode_is_anonymous(f->inode))
		return;
	scoped_spin(&files_lock);
	if (f->inode->fs_private == f)
		f->inode->fs_private = NULL;
}

static struct file *try_get(struct inode *inode)
{
	struct file *f;
	unsigned count;

	scoped_spin(&files_lock);
	f = inode->fs_private;
	if (f == NULL)
		return NULL;
	count = atomic_load(&f->ref.count);
	while (count != 0) {
		if (atomic_compare_exchange(&f->ref.count, &count, count + 1))
			return f;
	}
	return NULL;
}

int anonymous_reopen(struct inode *inode, unsigned flags, struct file **out)
{
	unsigned mode = flags & O_ACCMODE;
	struct file *f = try_get(inode);

	if (f == NULL)
		return -ENXIO;
	if ((mode != O_WRONLY && !(f->traits & FILE_READ)) ||
	    (mode != O_RDONLY && !(f->traits & FILE_WRITE))) {
		file_put(f);
		return -EACCES;
	}
	*out = f;
	return 0;
}

int file_path_get(struct file *f, struct path *out)
{
	struct mount *m;
	struct dentry *d;

	if (f->path.dentry != NULL) {
		*out = f->path;
		path_get(out);
		return 0;
	}
	m = get_home();
	if (m == NULL)
		return -ENOMEM;
	inode_get(f->inode);
	d = dentry_add(m->root, "", 0, f->inode, false);
	if (d == NULL)
		return -ENOMEM;
	mount_get(m);
	*out = (struct path){ m, d };
	return 0;
}
