/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory devices: null (null.c), zero, full (null(4), full(4)), random and urandom
 * (random(4)).
 */
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/random.h"
#include "fs/tmpfs/null.h"
#include "lib/errno.h"
#include "mm/object/object.h"
#include "mm/vmspace.h"

#define CHUNK 256u

static ssize_t write_full(struct file *f, struct uio *u, int64_t *pos)
{
	return u->left > 0 ? -ENOSPC : 0;
}

static ssize_t read_zero(struct file *f, struct uio *u, int64_t *pos)
{
	size_t len = u->left, n = uio_zero(u, len);

	return n == 0 && len > 0 ? -EFAULT : (ssize_t)n;
}

static ssize_t read_random(struct file *f, struct uio *u, int64_t *pos)
{
	uint8_t bytes[CHUNK];
	size_t total = 0, len = 0, n = 0;

	while (u->left > 0 && n == len) {
		len = min(u->left, sizeof(bytes));
		random_get(bytes, len);
		n = uio_copy_to(u, bytes, len);
		total += n;
	}
	return total == 0 && len > 0 ? -EFAULT : (ssize_t)total;
}

static ssize_t write_random(struct file *f, struct uio *u, int64_t *pos)
{
	uint8_t bytes[CHUNK];
	size_t total = 0, len = 0, n = 0;

	while (u->left > 0 && n == len) {
		len = min(u->left, sizeof(bytes));
		n = uio_copy_from(u, bytes, len);
		random_add(bytes, n);
		total += n;
	}
	return total == 0 && len > 0 ? -EFAULT : (ssize_t)total;
}

/* /dev/zero: a private mapping is anonymous memory, a shared one has an object of its own. */
static int mmap_zero(struct file *f, struct vm_area *area)
{
	if (!(area->flags & VM_SHARED))
		return 0;
	area->object = object_new_anonymous();
	return area->object == NULL ? -ENOMEM : 0;
}

static const struct file_ops zero_fops = {
	.read = read_zero,
	.write = null_write,
	.seek = null_seek,
	.mmap = mmap_zero,
};
static const struct file_ops full_fops = {
	.read = read_zero,
	.write = write_full,
	.seek = null_seek,
};
static const struct file_ops random_fops = {
	.read = read_random,
	.write = write_random,
	.seek = null_seek,
};

static int open_with(struct file *f, const struct file_ops *ops)
{
	f->ops = ops;
	f->traits |= FILE_SEEKABLE | FILE_STREAM;
	return 0;
}

static int open_null(struct inode *inode, struct file *f)
{
	return open_with(f, &null_fops);
}

static int open_zero(struct inode *inode, struct file *f)
{
	return open_with(f, &zero_fops);
}

static int open_full(struct inode *inode, struct file *f)
{
	return open_with(f, &full_fops);
}

static int open_random(struct inode *inode, struct file *f)
{
	return open_with(f, &random_fops);
}

CHRDEV(chrdev_null) = { 1, 3, 1, "null", 0666, open_null };
CHRDEV(chrdev_zero) = { 1, 5, 1, "zero", 0666, open_zero };
CHRDEV(chrdev_full) = { 1, 7, 1, "full", 0666, open_full };
CHRDEV(chrdev_random) = { 1, 8, 1, "random", 0666, open_random };
CHRDEV(chrdev_urandom) = { 1, 9, 1, "urandom", 0666, open_random };
