/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open files: their birth and death, and read, write, seek, poll, fsync, fallocate, readdir with
 * the checks that are the same for every kind of file. The work is done by the file's operations
 * table.
 */
#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/sync/mutex.h"
#include "fs/dentry.h"
#include "fs/notify.h"
#include "fs/openfile.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"

void (*vfs_locks_release)(struct file *f);
void (*vfs_watchers_release)(struct file *f);
void (*vfs_owner_release)(struct file *f);

/* Not in F_GETFL's answer; open.c takes O_NOCTTY and O_TRUNC away when it is done. */
#define OPEN_ONLY_FLAGS (O_CREAT | O_EXCL | O_CLOEXEC)

static unsigned traits_of(unsigned flags, const struct inode *inode)
{
	unsigned mode = flags & O_ACCMODE, traits = 0;

	if (flags & O_PATH)
		return FILE_PATH_ONLY;
	if (mode == O_RDONLY || mode == O_RDWR)
		traits |= FILE_READ;
	if (mode == O_WRONLY || mode == O_RDWR)
		traits |= FILE_WRITE;
	if (S_ISREG(inode->mode) || S_ISDIR(inode->mode))
		traits |= FILE_SEEKABLE;
	if (S_ISFIFO(inode->mode) || S_ISSOCK(inode->mode))
		traits |= FILE_STREAM;
	return traits;
}

static long nr_files; /* [a] */

long vfs_nr_files(void)
{
	return atomic_load(&nr_files);
}

struct file *file_alloc(struct inode *inode, unsigned flags, const struct file_ops *ops)
{
	struct file *f = kmem_new(struct file);

	if (f == NULL)
		return NULL;
	ref_init(&f->ref);
	f->flags = flags & ~(unsigned)OPEN_ONLY_FLAGS;
	f->traits = traits_of(flags, inode);
	f->ops = ops;
	f->inode = inode;
	inode_get(inode);
	mutex_init(&f->pos_lock);
	list_init(&f->watchers);
	atomic_add(&nr_files, 1);
	return f;
}

static bool counts_as_writer(const struct file *f)
{
	return (f->traits & FILE_WRITE) && S_ISREG(f->inode->mode);
}

int file_claim_write(struct file *f)
{
	unsigned count = atomic_load(&f->inode->writers.count);

	if (!counts_as_writer(f))
		return 0;
	while ((int)count >= 0) {
		if (atomic_compare_exchange(&f->inode->writers.count, &count, count + 1))
			return 0;
	}
	f->traits &= ~(unsigned)FILE_WRITE;
	return -ETXTBSY;
}

void file_discard(struct file *f)
{
	if (counts_as_writer(f))
		atomic_sub(&f->inode->writers.count, 1);
	anonymous_release(f);
	inode_put(f->inode);
	path_put(&f->path);
	kmem_free(f);
	atomic_sub(&nr_files, 1);
}

struct file *file_get(struct file *f)
{
	ref_get(&f->ref);
	return f;
}

void file_put(struct file *f)
{
	if (!ref_put(&f->ref))
		return;
	if (!(f->traits & FILE_PATH_ONLY))
		notify_path(&f->path, f->traits & FILE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (vfs_watchers_release != NULL && !list_is_empty(&f->watchers))
		vfs_watchers_release(f);
	if (vfs_owner_release != NULL && f->owner != NULL)
		vfs_owner_release(f);
	if (vfs_locks_release != NULL && f->locks_owner != NULL)
		vfs_locks_release(f);
	if (f->ops->release != NULL)
		f->ops->release(f);
	file_discard(f);
}

int file_new_inode(struct inode *inode, unsigned open_flags, struct file **out)
{
	struct file *f;
	int err;

	if (inode->fops == NULL)
		return -ENXIO;
	f = file_alloc(inode, open_flags, inode->fops);
	if (f == NULL)
		return -ENOMEM;
	err = file_claim_write(f);
	if (err == 0 && inode->ops->open != NULL)
		err = inode->ops->open(inode, f);
	if (err != 0) {
		file_discard(f);
		return err;
	}
	*out = f;
	return 0;
}

/* pread and pwrite name a place: not every file has one. */
static int check_position(const struct file *f, const int64_t *pos)
{
	if (pos == NULL)
		return 0;
	if (!(f->traits & FILE_SEEKABLE))
		return -ESPIPE;
	return *pos < 0 ? -EINVAL : 0;
}

ssize_t vfs_read(struct file *f, struct uio *u, int64_t *pos)
{
	int64_t unused_pos = 0;
	ssize_t n = check_position(f, pos);

	if (!(f->traits & FILE_READ))
		return -EBADF;
	if (n != 0)
		return n;
	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (f->ops->read == NULL)
		return -EINVAL;
	if (pos != NULL || (f->traits & FILE_STREAM)) {
		n = f->ops->read(f, u, pos != NULL ? pos : &unused_pos);
	} else {
		mutex_lock(&f->pos_lock);
		n = f->ops->read(f, u, &f->pos);
		mutex_unlock(&f->pos_lock);
	}
	if (n > 0)
		notify_path(&f->path, IN_ACCESS);
	return n;
}

ssize_t vfs_write(struct file *f, struct uio *u, int64_t *pos)
{
	int64_t unused_pos = 0;
	ssize_t n = check_position(f, pos);

	if (!(f->traits & FILE_WRITE))
		return -EBADF;
	if (n != 0)
		return n;
	if (f->ops->write == NULL)
		return -EINVAL;
	if (pos != NULL || (f->traits & FILE_STREAM)) {
		n = f->ops->write(f, u, pos != NULL ? pos : &unused_pos);
	} else {
		mutex_lock(&f->pos_lock);
		n = f->ops->write(f, u, &f->pos);
		mutex_unlock(&f->pos_lock);
	}
	if (n > 0)
		notify_path(&f->path, IN_MODIFY);
	return n;
}

/* For files whose table says nothing about seeking: data up to the size, then a hole. */
int64_t file_seek_plain(const struct file *f, int64_t offset, int whence)
{
	int64_t size = (int64_t)atomic_load(&f->inode->size), base = 0;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = f->pos;
		break;
	case SEEK_END:
		base = size;
		break;
	case SEEK_DATA:
		return offset < 0 || offset >= size ? -ENXIO : offset;
	case SEEK_HOLE:
		return offset < 0 || offset >= size ? -ENXIO : size;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &base))
		return -EOVERFLOW;
	return base < 0 ? -EINVAL : base;
}

int64_t vfs_seek(struct file *f, int64_t offset, int whence)
{
	int64_t pos;

	if (f->traits & FILE_PATH_ONLY)
		return -EBADF;
	if (f->ops->seek == NULL && !(f->traits & FILE_SEEKABLE))
		return -ESPIPE;
	scoped_mutex(&f->pos_lock);
	pos = f->ops->seek != NULL ? f->ops->seek(f, offset, whence)
				   : file_seek_plain(f, offset, whence);
	if (pos >= 0)
		f->pos = pos;
	return pos;
}

int vfs_readdir(struct file *f, struct dir_sink *s)
{
	if (f->traits & FILE_PATH_ONLY)
		return -EBADF;
	if (!S_ISDIR(f->inode->mode) || f->ops->readdir == NULL)
		return -ENOTDIR;
	scoped_mutex(&f->pos_lock);
	if (f->inode->nlink == 0)
		return -ENOENT;
	return f->ops->readdir(f, s, &f->pos);
}

bool vfs_emit_dots(struct file *f, struct dir_sink *s, int64_t *pos)
{
	if (*pos == 0) {
		if (!s->emit(s, ".", 1, f->inode->ino, S_IFDIR >> 12, 1))
			return false;
		*pos = 1;
	}
	if (*pos == 1) {
		struct dentry *d = f->path.dentry, *parent = d != NULL ? dentry_parent(d) : NULL;
		uint64_t ino = parent != NULL ? parent->inode->ino : f->inode->ino;

		dentry_put(parent);
		if (!s->emit(s, "..", 2, ino, S_IFDIR >> 12, 2))
			return false;
		*pos = 2;
	}
	return true;
}

unsigned vfs_poll(struct file *f, struct poll_table *t)
{
	if (f->ops->poll == NULL)
		return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
	return f->ops->poll(f, t);
}

int vfs_fsync(struct file *f, int64_t start, int64_t end, bool data_only)
{
	if (f->traits & FILE_PATH_ONLY)
		return -EBADF;
	if (f->ops->sync != NULL)
		return f->ops->sync(f, start, end, data_only);
	return S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode) ? 0 : -EINVAL;
}

static bool allocate_mode_ok(int mode)
{
	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case 0:
	case FALLOC_FL_ZERO_RANGE:
		return true;
	case FALLOC_FL_PUNCH_HOLE:
		return mode & FALLOC_FL_KEEP_SIZE;
	default:
		return false;
	}
}

int vfs_allocate(struct file *f, int mode, int64_t offset, int64_t len)
{
	int64_t end;

	if (offset < 0 || len <= 0)
		return -EINVAL;
	if (!allocate_mode_ok(mode))
		return -EOPNOTSUPP;
	if (!(f->traits & FILE_WRITE))
		return -EBADF;
	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	if (__builtin_add_overflow(offset, len, &end))
		return -EFBIG;
	return f->ops->allocate != NULL ? f->ops->allocate(f, mode, offset, len) : -EOPNOTSUPP;
}

const struct file_ops vfs_dir_fops = { .read = NULL };
