/* SPDX-License-Identifier: BSD-2-Clause */
/* null(4): of /dev, and as a file of nowhere for a start without /dev. */
#pragma once
#include "fs/vfs.h"

extern const struct file_ops null_fops;
ssize_t null_write(struct file *f, struct uio *u, int64_t *pos);
int64_t null_seek(struct file *f, int64_t offset, int whence);
MUST_CHECK int null_file_new(struct file **out);
