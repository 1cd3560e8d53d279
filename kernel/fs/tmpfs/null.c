/* SPDX-License-Identifier: BSD-2-Clause */
/* null(4): nothing is read, everything is written. */
#include "fs/tmpfs/null.h"

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "lib/errno.h"

static ssize_t read_nothing(struct file *f, struct uio *u, int64_t *pos)
{
	return 0;
}

ssize_t null_write(struct file *f, struct uio *u, int64_t *pos)
{
	size_t len = u->left;

	uio_skip(u, len);
	return (ssize_t)len;
}

/* lseek(2) on the memory devices always succeeds and means nothing. */
int64_t null_seek(struct file *f, int64_t offset, int whence)
{
	return whence > SEEK_HOLE || whence < 0 ? -EINVAL : 0;
}

const struct file_ops null_fops = {
	.read = read_nothing,
	.write = null_write,
	.seek = null_seek,
};

int null_file_new(struct file **out)
{
	return file_new_anonymous(&null_fops, S_IFCHR | 0666, O_RDWR, NULL, out);
}
