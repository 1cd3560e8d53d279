/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tmpfs: names and attributes in memory (tmpfs(5)). A directory's entries count their inodes, so a
 * file lives as long as it has a name, a dentry or an open file. Files' bytes are tmpfs_file.c's;
 * options and mounting are tmpfs_mount.c's.
 */
#include "fs/tmpfs/tmpfs.h"

#include <linux/fs.h>
#include <linux/stat.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define ENTRY_SIZE 20 /* what an entry adds to a directory's size, as on Linux */

static struct tmpfs_sb *sb_of(const struct inode *inode)
{
	return inode->sb->fs_private;
}

void tmpfs_inode_setup(struct inode *inode)
{
	struct tmpfs_inode *t = tmpfs_inode_of(inode);

	memdir_init(&t->dir);
	memxattr_init(&t->xattrs);
}

struct inode *tmpfs_inode_alloc(struct superblock *sb)
{
	struct tmpfs_inode *t = kmem_new(struct tmpfs_inode);

	if (t == NULL)
		return NULL;
	tmpfs_inode_setup(&t->inode);
	return &t->inode;
}

/*
 * A directory goes with names in it when its file system does. The names of one below it become its
 * own first: a tree may be deeper than the kernel's stack.
 */
static void drop_tree(struct memdir *d)
{
	struct memdir_entry *e;

	while ((e = memdir_any(d)) != NULL) {
		if (e->inode != NULL && S_ISDIR(e->inode->mode) &&
		    atomic_load(&e->inode->ref.count) == 1)
			memdir_absorb(d, &tmpfs_inode_of(e->inode)->dir);
		memdir_remove(d, e);
	}
}

void tmpfs_inode_free(struct inode *inode)
{
	struct tmpfs_inode *t = tmpfs_inode_of(inode);

	drop_tree(&t->dir);
	memxattr_fini(&t->xattrs);
	kmem_free(t->target);
	if (t->counted)
		atomic_sub(&sb_of(inode)->nr_inodes, 1);
}

/* tmpfs(5), nr_inodes: so that empty files cannot take all of memory. */
static bool count_inode(struct tmpfs_sb *sb)
{
	if (atomic_add(&sb->nr_inodes, 1) <= sb->limit_inodes || sb->limit_inodes == 0)
		return true;
	atomic_sub(&sb->nr_inodes, 1);
	return false;
}

struct inode *tmpfs_inode_new(struct superblock *sb, const struct inode *dir, uint32_t mode)
{
	struct tmpfs_sb *t = sb->fs_private;
	struct inode *inode;

	if (dir != NULL && !count_inode(t))
		return NULL;
	inode = inode_new(sb, mode);
	if (inode == NULL) {
		atomic_sub(&t->nr_inodes, dir != NULL);
		return NULL;
	}
	tmpfs_inode_of(inode)->counted = dir != NULL;
	if (dir != NULL)
		inode_init_owner(inode, dir);
	inode->ops = t->ops;
	if (S_ISREG(mode)) {
		inode->fops = t->fops;
		inode->object.pager = &tmpfs_pager;
	} else if (S_ISDIR(mode)) {
		inode->fops = t->dir_fops;
		inode->nlink = 2;
		inode->size = 2 * ENTRY_SIZE;
	}
	return inode;
}

void tmpfs_dir_changed(struct inode *dir)
{
	dir->mtime = dir->ctime = timestamp_now();
}

/* Enters a new inode, whose count the caller keeps on success and which is put on failure. */
static int add_name(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
	int err = memdir_set(&tmpfs_inode_of(dir)->dir, name, len, inode);

	if (err != 0) {
		inode_put(inode);
		return err;
	}
	dir->size += ENTRY_SIZE;
	if (S_ISDIR(inode->mode))
		dir->nlink++;
	tmpfs_dir_changed(dir);
	return 0;
}

static int make(struct inode *dir, const char *name, size_t len, struct inode *inode,
		struct inode **out)
{
	int err = inode == NULL ? -ENOSPC : add_name(dir, name, len, inode);

	if (err == 0)
		*out = inode;
	return err;
}

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct memdir_entry *e = memdir_find(&tmpfs_inode_of(dir)->dir, name, len);

	if (e == NULL)
		return -ENOENT;
	inode_get(e->inode);
	*out = e->inode;
	return 0;
}

int tmpfs_create(struct inode *dir, const char *name, size_t len, uint32_t mode, struct inode **out)
{
	return make(dir, name, len, tmpfs_inode_new(dir->sb, dir, mode), out);
}

int tmpfs_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode, struct inode **out)
{
	return make(dir, name, len, tmpfs_inode_new(dir->sb, dir, mode), out);
}

int tmpfs_mknod(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		struct inode **out)
{
	struct inode *inode = tmpfs_inode_new(dir->sb, dir, mode);

	if (inode != NULL)
		inode->rdev = rdev;
	return make(dir, name, len, inode, out);
}

int tmpfs_symlink(struct inode *dir, const char *name, size_t len, const char *target,
		  struct inode **out)
{
	struct inode *inode = tmpfs_inode_new(dir->sb, dir, S_IFLNK | 0777);
	char *copy = kmem_string(target);

	if (inode == NULL || copy == NULL) {
		if (inode != NULL)
			inode_put(inode);
		kmem_free(copy);
		return -ENOSPC;
	}
	tmpfs_inode_of(inode)->target = copy;
	inode->size = strlen(copy);
	return make(dir, name, len, inode, out);
}

int tmpfs_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	int err;

	if (target->nlink == 0 && !S_ISREG(target->mode))
		return -ENOENT;
	inode_get(target);
	err = add_name(dir, name, len, target);
	if (err != 0)
		return err;
	inode_put(target);
	target->nlink++;
	target->ctime = timestamp_now();
	return 0;
}

int tmpfs_tmpfile(struct inode *dir, uint32_t mode, struct inode **out)
{
	struct inode *inode = tmpfs_inode_new(dir->sb, dir, mode);

	if (inode == NULL)
		return -ENOSPC;
	inode->nlink = 0;
	*out = inode;
	return 0;
}

static void drop_name(struct inode *dir, struct memdir_entry *e)
{
	memdir_remove(&tmpfs_inode_of(dir)->dir, e);
	dir->size -= ENTRY_SIZE;
	tmpfs_dir_changed(dir);
}

static int unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct memdir_entry *e = memdir_find(&tmpfs_inode_of(dir)->dir, name, len);

	if (e == NULL || e->inode != victim)
		return -ENOENT;
	victim->nlink--;
	drop_name(dir, e);
	victim->ctime = dir->ctime;
	return 0;
}

static int rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct memdir_entry *e = memdir_find(&tmpfs_inode_of(dir)->dir, name, len);

	if (e == NULL || e->inode != victim)
		return -ENOENT;
	if (!memdir_is_empty(&tmpfs_inode_of(victim)->dir))
		return -ENOTEMPTY;
	victim->nlink = 0;
	dir->nlink--;
	drop_name(dir, e);
	return 0;
}

/* Both names stay; what they lead to changes hands. */
static void exchange(struct inode *dir, struct memdir_entry *a, struct inode *new_dir,
		     struct memdir_entry *b)
{
	struct inode *inode = a->inode;
	int moved = S_ISDIR(a->inode->mode) - S_ISDIR(b->inode->mode);

	a->inode = b->inode;
	b->inode = inode;
	if (dir != new_dir) {
		dir->nlink -= (unsigned)moved;
		new_dir->nlink += (unsigned)moved;
	}
	tmpfs_dir_changed(dir);
	tmpfs_dir_changed(new_dir);
	a->inode->ctime = b->inode->ctime = dir->ctime;
}

/* The file or empty directory that a rename replaces loses its name. */
static void lose_target(struct inode *dir, struct inode *victim)
{
	if (S_ISDIR(victim->mode)) {
		victim->nlink = 0;
		dir->nlink--;
	} else {
		victim->nlink--;
	}
	victim->ctime = timestamp_now();
}

static int rename(struct inode *dir, const char *name, size_t len, struct inode *new_dir,
		  const char *new_name, size_t new_len, unsigned flags)
{
	struct memdir *to = &tmpfs_inode_of(new_dir)->dir;
	struct memdir_entry *a = memdir_find(&tmpfs_inode_of(dir)->dir, name, len);
	struct memdir_entry *b = memdir_find(to, new_name, new_len);
	struct inode *moved;
	int err;

	if (a == NULL)
		return -ENOENT;
	if (flags & RENAME_EXCHANGE) {
		if (b == NULL)
			return -ENOENT;
		exchange(dir, a, new_dir, b);
		return 0;
	}
	if (b != NULL && S_ISDIR(b->inode->mode) &&
	    !memdir_is_empty(&tmpfs_inode_of(b->inode)->dir))
		return -ENOTEMPTY;
	moved = a->inode;
	if (b != NULL) {
		lose_target(new_dir, b->inode);
	} else {
		new_dir->size += ENTRY_SIZE;
	}
	err = memdir_set(to, new_name, new_len, moved);
	if (err != 0) {
		new_dir->size -= ENTRY_SIZE;
		return err;
	}
	if (S_ISDIR(moved->mode)) {
		dir->nlink--;
		new_dir->nlink++;
	}
	drop_name(dir, a);
	tmpfs_dir_changed(new_dir);
	moved->ctime = dir->ctime;
	return 0;
}

ssize_t tmpfs_readlink(struct inode *inode, char *buf, size_t size)
{
	const char *target = tmpfs_inode_of(inode)->target;
	size_t len;

	if (target == NULL)
		return -EINVAL;
	len = min(size, strlen(target));
	memcpy(buf, target, len);
	return (ssize_t)len;
}

int tmpfs_getattr(struct inode *inode)
{
	inode->blocks = inode->object.nr_pages * (PAGE_SIZE / 512);
	return 0;
}

ssize_t tmpfs_xattr_get(struct inode *inode, const char *name, void *buf, size_t size)
{
	scoped_mutex(&inode->lock);
	return memxattr_get(&tmpfs_inode_of(inode)->xattrs, name, buf, size);
}

int tmpfs_xattr_set(struct inode *inode, const char *name, const void *v, size_t size, int flags)
{
	inode->ctime = timestamp_now();
	return memxattr_set(&tmpfs_inode_of(inode)->xattrs, name, v, size, flags);
}

ssize_t tmpfs_xattr_list(struct inode *inode, char *buf, size_t size)
{
	scoped_mutex(&inode->lock);
	return memxattr_list(&tmpfs_inode_of(inode)->xattrs, buf, size);
}

int tmpfs_xattr_remove(struct inode *inode, const char *name)
{
	inode->ctime = timestamp_now();
	return memxattr_remove(&tmpfs_inode_of(inode)->xattrs, name);
}

static int readdir(struct file *f, struct dir_sink *s, int64_t *pos)
{
	if (!vfs_emit_dots(f, s, pos))
		return 0;
	scoped_mutex(&f->inode->lock);
	memdir_emit(&tmpfs_inode_of(f->inode)->dir, s, pos);
	return 0;
}

const struct file_ops tmpfs_dir_fops = { .readdir = readdir };

const struct inode_ops tmpfs_ops = {
	.lookup = lookup,
	.create = tmpfs_create,
	.mkdir = tmpfs_mkdir,
	.mknod = tmpfs_mknod,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.unlink = unlink,
	.rmdir = rmdir,
	.rename = rename,
	.tmpfile = tmpfs_tmpfile,
	.readlink = tmpfs_readlink,
	.getattr = tmpfs_getattr,
	.setattr = tmpfs_setattr,
	.xattr_get = tmpfs_xattr_get,
	.xattr_set = tmpfs_xattr_set,
	.xattr_list = tmpfs_xattr_list,
	.xattr_remove = tmpfs_xattr_remove,
};
