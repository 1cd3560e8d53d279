/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files in an overlay: their bytes and attributes. A file that is only read is read through an open
 * file of the lower (f->private), whose pages are the only ones there are. Opening for writing
 * copies the bytes into the overlay inode's own object, under its lock; from then on all opens, old
 * ones too, use that.
 */
#include <asm/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "fs/openfile.h"
#include "fs/overlay/overlay.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

static bool has_own_data(struct inode *inode)
{
	struct overlay_inode *o = overlay_inode_of(inode);

	return o->lower == NULL || atomic_load(&o->own_data);
}

/* One page of the lower file into ours. */
static int copy_page(struct inode *inode, struct file *real, uint64_t idx)
{
	int64_t pos = (int64_t)(idx << PAGE_SHIFT);
	struct page *page;
	struct uio u;
	size_t len;
	ssize_t n = 1;
	int err = object_page(&inode->object, idx, OBJECT_FOR_WRITE | OBJECT_NO_FILL, &page);

	if (err != 0)
		return err;
	uio_init_kernel(&u, page_to_ptr(page), PAGE_SIZE);
	while (u.left > 0 && n > 0)
		n = real->ops->read(real, &u, &pos);
	len = PAGE_SIZE - u.left;
	memset((char *)page_to_ptr(page) + len, 0, PAGE_SIZE - len);
	page_put(page);
	return n < 0 ? (int)n : 0;
}

/* Where data (SEEK_DATA) or a hole (SEEK_HOLE) of the lower file begins, in [at, end]. */
static uint64_t find(struct file *real, uint64_t at, uint64_t end, int whence)
{
	int64_t found = -EINVAL;

	if (real->ops->seek != NULL)
		found = real->ops->seek(real, (int64_t)at, whence);
	if (found < 0)
		return found == -ENXIO || whence == SEEK_HOLE ? end : at;
	return min(max((uint64_t)found, at), end);
}

/* Holes stay holes. Each round takes a page at the least, whatever the host says. */
static int copy_data(struct inode *inode, struct file *real, uint64_t end)
{
	uint64_t at = 0, stop;
	int err = 0;

	while (err == 0 && at < end) {
		at = align_down(find(real, at, end, SEEK_DATA), PAGE_SIZE);
		stop = max(find(real, at, end, SEEK_HOLE), min(at + 1, end));
		for (; err == 0 && at < stop; at += PAGE_SIZE)
			err = copy_page(inode, real, at >> PAGE_SHIFT);
	}
	return err;
}

/* The first `limit` bytes become our own; the size stays what it is. inode->lock is held. */
static int copy_data_locked(struct inode *inode, uint64_t limit)
{
	struct overlay_inode *o = overlay_inode_of(inode);
	uint64_t end = min(limit, inode->size);
	struct file *real;
	int err;

	if (has_own_data(inode))
		return 0;
	err = file_new_inode(o->lower, O_RDONLY, &real);
	if (err != 0)
		return err;
	if (real->ops->read == NULL)
		err = -EINVAL;
	else
		err = copy_data(inode, real, end);
	file_put(real);
	if (err != 0) {
		object_truncate(&inode->object, 0, align_up(end, PAGE_SIZE));
		return err;
	}
	overlay_change_locked(inode);
	atomic_store(&o->own_data, true);
	return 0;
}

int overlay_open(struct inode *inode, struct file *f)
{
	int err;

	if (!S_ISREG(inode->mode))
		return 0;
	if ((f->traits & FILE_WRITE) || (f->flags & O_TRUNC)) {
		err = overlay_getattr(inode); /* the size as it is now */
		if (err != 0)
			return err;
		scoped_mutex(&inode->lock);
		return copy_data_locked(inode, f->flags & O_TRUNC ? 0 : UINT64_MAX);
	}
	if (has_own_data(inode))
		return 0;
	err = file_new_inode(overlay_inode_of(inode)->lower, O_RDONLY, (struct file **)&f->private);
	return err;
}

static void release(struct file *f)
{
	if (f->private != NULL)
		file_put(f->private);
}

/* The lower's open file, or NULL when the bytes are our own. */
static struct file *real_file(struct file *f)
{
	return has_own_data(f->inode) ? NULL : f->private;
}

static ssize_t read(struct file *f, struct uio *u, int64_t *pos)
{
	struct file *real = real_file(f);

	if (real == NULL)
		return tmpfs_fops.read(f, u, pos);
	return real->ops->read != NULL ? real->ops->read(real, u, pos) : -EINVAL;
}

static ssize_t write(struct file *f, struct uio *u, int64_t *pos)
{
	return tmpfs_fops.write(f, u, pos);
}

static int64_t seek(struct file *f, int64_t offset, int whence)
{
	struct file *real = real_file(f);

	if (real == NULL)
		return tmpfs_fops.seek(f, offset, whence);
	real->pos = f->pos; /* f->pos_lock is held: nobody else uses it */
	if (real->ops->seek != NULL)
		return real->ops->seek(real, offset, whence);
	return file_seek_plain(real, offset, whence);
}

static int mmap(struct file *f, struct vm_area *area)
{
	struct file *real = real_file(f);

	if (real == NULL)
		return tmpfs_fops.mmap(f, area);
	return real->ops->mmap != NULL ? real->ops->mmap(real, area) : -ENODEV;
}

static int allocate(struct file *f, int mode, int64_t offset, int64_t len)
{
	return tmpfs_fops.allocate(f, mode, offset, len);
}

const struct file_ops overlay_fops = {
	.read = read,
	.write = write,
	.seek = seek,
	.mmap = mmap,
	.allocate = allocate,
	.release = release,
};

int overlay_getattr(struct inode *inode)
{
	struct overlay_inode *o = overlay_inode_of(inode);
	int err = 0;

	if (has_own_data(inode) && S_ISREG(inode->mode))
		return tmpfs_getattr(inode);
	if (o->lower == NULL || o->own_attrs)
		return 0;
	if (o->lower->ops->getattr != NULL)
		err = o->lower->ops->getattr(o->lower);
	if (err != 0)
		return err;
	scoped_mutex(&inode->lock);
	if (!o->own_attrs)
		overlay_copy_fields(inode);
	return 0;
}

int overlay_setattr(struct inode *inode, const struct attr_change *c)
{
	int err = 0;

	if (c->valid & ATTR_SIZE)
		err = copy_data_locked(inode, c->size);
	if (err != 0)
		return err;
	overlay_change_locked(inode);
	return tmpfs_setattr(inode, c);
}

ssize_t overlay_readlink(struct inode *inode, char *buf, size_t size)
{
	struct inode *lower = overlay_inode_of(inode)->lower;

	if (lower == NULL)
		return tmpfs_readlink(inode, buf, size);
	return lower->ops->readlink != NULL ? lower->ops->readlink(lower, buf, size) : -EINVAL;
}

/* The lower, if the extended attributes are still there. */
static struct inode *xattr_lower(struct inode *inode)
{
	struct overlay_inode *o = overlay_inode_of(inode);

	return o->own_xattrs ? NULL : o->lower;
}

ssize_t overlay_xattr_get(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct inode *lower = xattr_lower(inode);

	if (lower == NULL)
		return tmpfs_xattr_get(inode, name, buf, size);
	return lower->ops->xattr_get != NULL ? lower->ops->xattr_get(lower, name, buf, size)
					     : -ENODATA;
}

ssize_t overlay_xattr_list(struct inode *inode, char *buf, size_t size)
{
	struct inode *lower = xattr_lower(inode);

	if (lower == NULL)
		return tmpfs_xattr_list(inode, buf, size);
	return lower->ops->xattr_list != NULL ? lower->ops->xattr_list(lower, buf, size) : 0;
}

static int copy_xattr(struct inode *inode, struct inode *lower, const char *name)
{
	ssize_t size = lower->ops->xattr_get(lower, name, NULL, 0);
	void *value;
	int err;

	if (size < 0)
		return 0; /* gone, or not for us to see */
	value = kmem_alloc((size_t)size + 1);
	if (value == NULL)
		return -ENOMEM;
	size = lower->ops->xattr_get(lower, name, value, (size_t)size + 1);
	err = size < 0 ? 0
		       : memxattr_set(&tmpfs_inode_of(inode)->xattrs, name, value, (size_t)size, 0);
	kmem_free(value);
	return err;
}

static int copy_listed(struct inode *inode, struct inode *lower, ssize_t len)
{
	char *names = kmem_alloc((size_t)len + 1);
	int err = 0;

	if (names == NULL)
		return -ENOMEM;
	len = lower->ops->xattr_list(lower, names, (size_t)len);
	for (ssize_t at = 0; err == 0 && at < len; at += (ssize_t)strlen(names + at) + 1)
		err = copy_xattr(inode, lower, names + at);
	kmem_free(names);
	return err;
}

static int copy_xattrs_locked(struct inode *inode)
{
	struct inode *lower = xattr_lower(inode);
	ssize_t len = 0;
	int err = 0;

	if (lower != NULL && lower->ops->xattr_list != NULL && lower->ops->xattr_get != NULL)
		len = lower->ops->xattr_list(lower, NULL, 0);
	if (len > 0)
		err = copy_listed(inode, lower, len);
	if (err != 0)
		return err;
	overlay_change_locked(inode);
	overlay_inode_of(inode)->own_xattrs = true;
	return 0;
}

int overlay_xattr_set(struct inode *inode, const char *name, const void *v, size_t size, int flags)
{
	int err = copy_xattrs_locked(inode);

	return err != 0 ? err : tmpfs_xattr_set(inode, name, v, size, flags);
}

int overlay_xattr_remove(struct inode *inode, const char *name)
{
	int err = copy_xattrs_locked(inode);

	return err != 0 ? err : tmpfs_xattr_remove(inode, name);
}
