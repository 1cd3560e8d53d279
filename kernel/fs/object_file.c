/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfs_object_fops: a regular file whose bytes are its inode's memory object. Reads take no lock:
 * they see the size there was. A write holds inode->lock from the choice of its place to the new
 * size, so that appends do not overlap.
 */
#include <asm/fcntl.h>
#include <linux/fs.h>

#include "fs/attr.h"
#include "fs/object_file.h"
#include "fs/openfile.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "mm/vmspace.h"

static bool is_before(struct timestamp a, struct timestamp b)
{
	return a.sec < b.sec || (a.sec == b.sec && a.nsec < b.nsec);
}

/* relatime: when it is older than the last change, or a day old. */
void file_accessed(struct file *f)
{
	struct inode *inode = f->inode;
	struct timestamp now;

	if ((f->flags & O_NOATIME) || (inode->sb->flags & SB_RDONLY))
		return;
	if (f->path.mnt != NULL && (f->path.mnt->flags & SB_RDONLY))
		return;
	now = timestamp_now();
	if (is_before(inode->mtime, inode->atime) && is_before(inode->ctime, inode->atime) &&
	    now.sec - inode->atime.sec < 24 * 60 * 60)
		return;
	scoped_mutex(&inode->lock);
	inode->atime = now;
}

void file_changed_locked(struct inode *inode, uint64_t end)
{
	inode_drop_set_id(inode);
	inode->mtime = inode->ctime = timestamp_now();
	if (end > inode->size)
		atomic_store(&inode->size, end);
}

void inode_zero_tail_locked(struct inode *inode)
{
	uint64_t size = inode->size;

	if (!is_aligned(size, PAGE_SIZE) && !list_is_empty(&inode->object.areas))
		object_truncate(&inode->object, size, align_up(size, PAGE_SIZE));
}

int file_write_begin_locked(struct file *f, struct uio *u, int64_t *pos)
{
	if (f->flags & O_APPEND)
		*pos = (int64_t)f->inode->size;
	if (*pos < 0 || u->left > (uint64_t)INT64_MAX - (uint64_t)*pos)
		return -EFBIG;
	if ((uint64_t)*pos > f->inode->size)
		inode_zero_tail_locked(f->inode);
	return 0;
}

ssize_t file_object_read(struct file *f, struct uio *u, int64_t *pos)
{
	ssize_t n = object_read(&f->inode->object, u, *pos, atomic_load(&f->inode->size));

	if (n > 0) {
		*pos += n;
		file_accessed(f);
	}
	return n;
}

static ssize_t write(struct file *f, struct uio *u, int64_t *pos)
{
	struct inode *inode = f->inode;
	ssize_t n;

	scoped_mutex(&inode->lock);
	n = file_write_begin_locked(f, u, pos);
	if (n != 0 || u->left == 0)
		return n;
	n = object_write(&inode->object, u, *pos);
	if (n <= 0)
		return n;
	*pos += n;
	file_changed_locked(inode, (uint64_t)*pos);
	return n;
}

int64_t file_object_seek(struct file *f, int64_t offset, int whence)
{
	struct vm_object *o = &f->inode->object;
	uint64_t size = atomic_load(&f->inode->size), found;

	if ((whence != SEEK_DATA && whence != SEEK_HOLE) ||
	    (o->pager != NULL && o->pager->flush != NULL))
		return file_seek_plain(f, offset, whence);
	if (offset < 0 || (uint64_t)offset >= size)
		return -ENXIO;
	found = object_seek(o, (uint64_t)offset, whence == SEEK_DATA);
	if (found < size)
		return (int64_t)found;
	return whence == SEEK_DATA ? -ENXIO : (int64_t)size;
}

int file_object_mmap(struct file *f, struct vm_area *area)
{
	area->object = &f->inode->object;
	object_get(area->object);
	return 0;
}

static int sync(struct file *f, int64_t start, int64_t end, bool data_only)
{
	return object_flush(&f->inode->object, (uint64_t)start, (uint64_t)end);
}

const struct file_ops vfs_object_fops = {
	.read = file_object_read,
	.write = write,
	.seek = file_object_seek,
	.mmap = file_object_mmap,
	.sync = sync,
};
