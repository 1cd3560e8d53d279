/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of tmpfs files: the memory object is the store. Pages are charged to the file system's
 * limit when they are made; the pager has no fill, so holes are read as zeros and stay holes. Seals
 * (fcntl(2), F_ADD_SEALS) are obeyed here: writes, sizes and mappings pass this file.
 */
#include <linux/falloc.h>
#include <linux/fcntl.h>

#include "arch/mmu.h"
#include "fs/object_file.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "mm/vmspace.h"

static struct tmpfs_sb *sb_of(struct vm_object *o)
{
	return container_of(o, struct inode, object)->sb->fs_private;
}

static int charge(struct vm_object *o, unsigned nr_pages)
{
	struct tmpfs_sb *sb = sb_of(o);

	if (atomic_add(&sb->used_pages, nr_pages) <= sb->limit_pages || sb->limit_pages == 0)
		return 0;
	atomic_sub(&sb->used_pages, nr_pages);
	return -ENOSPC;
}

static void uncharge(struct vm_object *o, unsigned nr_pages)
{
	atomic_sub(&sb_of(o)->used_pages, nr_pages);
}

const struct pager tmpfs_pager = {
	.size = inode_object_size,
	.charge = charge,
	.uncharge = uncharge,
};

static ssize_t write(struct file *f, struct uio *u, int64_t *pos)
{
	struct inode *inode = f->inode;
	unsigned seals;
	ssize_t n;

	scoped_mutex(&inode->lock);
	n = file_write_begin_locked(f, u, pos);
	if (n != 0 || u->left == 0)
		return n;
	seals = tmpfs_inode_of(inode)->seals;
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if ((seals & F_SEAL_GROW) && (uint64_t)*pos + u->left > inode->size)
		return -EPERM;
	n = object_write(&inode->object, u, *pos);
	if (n <= 0)
		return n;
	*pos += n;
	file_changed_locked(inode, (uint64_t)*pos);
	return n;
}

int tmpfs_setattr(struct inode *inode, const struct attr_change *c)
{
	unsigned seals = tmpfs_inode_of(inode)->seals;

	if (c->valid & ATTR_SIZE) {
		if ((seals & F_SEAL_SHRINK) && c->size < inode->size)
			return -EPERM;
		if ((seals & F_SEAL_GROW) && c->size > inode->size)
			return -EPERM;
	}
	inode_set_fields(inode, c);
	return 0;
}

/*
 * A shared mapping that may be written is counted with the seals looked at: from then on
 * F_SEAL_WRITE meets it, and it is counted until no entry of any CPU is left (area_free()).
 */
static int mmap(struct file *f, struct vm_area *area)
{
	struct inode *inode = f->inode;

	if (!(area->flags & VM_SHARED) || !(area->flags & VM_MAY_WRITE))
		return file_object_mmap(f, area);
	scoped_mutex(&inode->lock);
	if (tmpfs_inode_of(inode)->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		if (area->prot & MMU_WRITE)
			return -EPERM;
		area->flags &= ~(unsigned)VM_MAY_WRITE;
	} else {
		area->flags |= VM_WRITER;
		atomic_add(&inode->object.nr_writers, 1);
	}
	return file_object_mmap(f, area);
}

/* Pages for [offset, end), all or none by the limit's word. inode->lock is held. */
static int make_pages(struct inode *inode, uint64_t offset, uint64_t end)
{
	struct tmpfs_sb *sb = inode->sb->fs_private;
	uint64_t last = (end - 1) >> PAGE_SHIFT, idx = offset >> PAGE_SHIFT;
	struct page *p;

	if (sb->limit_pages != 0 && last - idx + 1 > sb->limit_pages)
		return -ENOSPC;
	for (; idx <= last; idx++) {
		int err = object_page(&inode->object, idx, OBJECT_FOR_WRITE, &p);

		if (err != 0)
			return err;
		page_put(p);
	}
	return 0;
}

static int check_allocate(struct inode *inode, int mode, uint64_t end)
{
	unsigned seals = tmpfs_inode_of(inode)->seals;

	if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) && (mode & ~FALLOC_FL_KEEP_SIZE) != 0)
		return -EPERM;
	if ((seals & F_SEAL_GROW) && end > inode->size && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EPERM;
	return 0;
}

static int allocate(struct file *f, int mode, int64_t offset, int64_t len)
{
	struct inode *inode = f->inode;
	uint64_t start = (uint64_t)offset, end = start + (uint64_t)len, old_size;
	int err;

	scoped_mutex(&inode->lock);
	old_size = inode->size;
	err = check_allocate(inode, mode, end);
	if (err != 0)
		return err;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		object_truncate(&inode->object, start, end);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > old_size) {
		inode_zero_tail_locked(inode);
		atomic_store(&inode->size, end);
	}
	end = min(end, inode->size); /* nothing is kept past the end of a file */
	if (!(mode & FALLOC_FL_PUNCH_HOLE) && start < end)
		err = make_pages(inode, start, end);
	if (err != 0 && inode->size > old_size) {
		object_truncate(&inode->object, old_size, align_up(end, PAGE_SIZE));
		atomic_store(&inode->size, old_size);
	}
	if (err == 0)
		inode->mtime = inode->ctime = timestamp_now();
	return err;
}

const struct file_ops tmpfs_fops = {
	.read = file_object_read,
	.write = write,
	.seek = file_object_seek,
	.mmap = mmap,
	.allocate = allocate,
};
