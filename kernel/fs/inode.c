/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inodes and superblocks: birth, counts and death, and the rules that all file systems share for
 * owners, times and fields.
 *
 * An inode whose count reached zero is taken off its superblock and freed by whoever dropped it;
 * nobody finds it again but through a table of its file system, which uses inode_try_get. A
 * superblock goes when its mounts and those stacked on it are gone: first its dentries, then its
 * root, then itself.
 */
#include <asm/fcntl.h>
#include <linux/stat.h>

#include "core/panic.h"
#include "core/time/timer.h"
#include "fs/dentry.h"
#include "fs/object_file.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"

void (*vfs_inode_release)(struct inode *inode);

static uint32_t last_dev_minor;

struct timestamp timestamp_now(void)
{
	nsec_t now = clock_realtime();

	return (struct timestamp){ now / NSEC_PER_SEC, (uint32_t)(now % NSEC_PER_SEC) };
}

uint64_t inode_object_size(struct vm_object *o)
{
	return atomic_load(&container_of(o, struct inode, object)->size);
}

struct inode *inode_new(struct superblock *sb, uint32_t mode)
{
	struct inode *inode = sb->ops->inode_alloc != NULL ? sb->ops->inode_alloc(sb)
							   : kmem_new(struct inode);
	const struct cred *cred = cred_current();

	if (inode == NULL)
		return NULL;
	ref_init(&inode->ref);
	inode->sb = sb;
	inode->ino = atomic_add(&sb->next_ino, 1);
	mutex_init(&inode->lock);
	inode->mode = mode;
	inode->uid = cred->fsuid;
	inode->gid = cred->fsgid;
	inode->nlink = 1;
	inode->blksize = PAGE_SIZE;
	inode->atime = timestamp_now();
	inode->mtime = inode->ctime = inode->btime = inode->atime;
	object_init(&inode->object, NULL);
	list_init(&inode->watches);
	spin_lock(&sb->lock);
	list_append(&sb->inodes, &inode->sb_link);
	spin_unlock(&sb->lock);
	return inode;
}

void inode_init_owner(struct inode *inode, const struct inode *dir)
{
	if (!(dir->mode & S_ISGID))
		return;
	inode->gid = dir->gid;
	if (S_ISDIR(inode->mode))
		inode->mode |= S_ISGID;
}

void inode_get(struct inode *inode)
{
	ref_get(&inode->ref);
}

bool inode_try_get(struct inode *inode)
{
	unsigned count = atomic_load(&inode->ref.count);

	while (count != 0) {
		if (atomic_compare_exchange(&inode->ref.count, &count, count + 1))
			return true;
	}
	return false;
}

void inode_put(struct inode *inode)
{
	struct superblock *sb = inode->sb;

	if (!ref_put(&inode->ref))
		return;
	if (vfs_inode_release != NULL)
		vfs_inode_release(inode);
	spin_lock(&sb->lock);
	list_remove(&inode->sb_link);
	spin_unlock(&sb->lock);
	object_fini(&inode->object);
	if (sb->ops->inode_free != NULL)
		sb->ops->inode_free(inode);
	kmem_free(inode);
}

void inode_set_fields(struct inode *inode, const struct attr_change *c)
{
	if (c->valid & ATTR_MODE)
		inode->mode = (inode->mode & S_IFMT) | (c->mode & ~S_IFMT);
	if (c->valid & ATTR_UID)
		inode->uid = c->uid;
	if (c->valid & ATTR_GID)
		inode->gid = c->gid;
	if (c->valid & ATTR_SIZE) {
		uint64_t old = inode->size;

		if (c->size > old)
			inode_zero_tail_locked(inode);
		atomic_store(&inode->size, c->size);
		if (c->size < old)
			object_truncate(&inode->object, c->size, align_up(old, PAGE_SIZE));
	}
	if (c->valid & ATTR_ATIME)
		inode->atime = c->atime;
	if (c->valid & ATTR_MTIME)
		inode->mtime = c->mtime;
	if (c->valid & ATTR_CTIME)
		inode->ctime = c->ctime;
}

struct superblock *superblock_new(const char *type_name, const struct superblock_ops *ops,
				  unsigned flags)
{
	struct superblock *sb = kmem_new(struct superblock);

	if (sb == NULL)
		return NULL;
	sb->type_name = type_name;
	sb->dev = dev_make(0, atomic_add(&last_dev_minor, 1));
	list_init(&sb->inodes);
	mutex_init(&sb->rename_lock);
	sb->ops = ops;
	sb->flags = flags;
	ref_init(&sb->ref);
	return sb;
}

int superblock_set_root(struct superblock *sb, struct inode *root)
{
	sb->root = dentry_new_root(sb, root);
	return sb->root == NULL ? -ENOMEM : 0;
}

void superblock_put(struct superblock *sb)
{
	if (!ref_put(&sb->ref))
		return;
	dentry_prune(sb);
	dentry_put(sb->root);
	if (sb->ops->unmount != NULL)
		sb->ops->unmount(sb);
	if (!list_is_empty(&sb->inodes))
		panic("%s: inodes are in use after unmounting", sb->type_name);
	kmem_free(sb);
}

int file_deny_write(struct file *f)
{
	unsigned count = atomic_load(&f->inode->writers.count);

	while ((int)count <= 0) {
		if (atomic_compare_exchange(&f->inode->writers.count, &count, count - 1))
			return 0;
	}
	return -ETXTBSY;
}

void file_allow_write(struct file *f)
{
	atomic_add(&f->inode->writers.count, 1);
}
