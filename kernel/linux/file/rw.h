/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing on behalf of a program, and its vectors: shared by file.c and splice.c. */
#pragma once
#include "core/file.h"
#include "lib/compiler.h"

/* vfs_write with RLIMIT_FSIZE, SIGXFSZ and SIGPIPE. pos NULL: the file's own. */
ssize_t file_write(struct file *f, struct uio *u, int64_t *pos);
/* To the current task, as kill(2) would: SIGPIPE, SIGXFSZ. */
void signal_raise(int sig);
#define RW_VECS_INLINE 8
/* An iovec array from user memory: checked, cut to what one call may move. `room` holds
 * RW_VECS_INLINE. */
MUST_CHECK int uio_vecs_get(uaddr_t iov, unsigned long nr, struct uio_vec *room,
			    struct uio_vec **vecs);
void uio_vecs_put(struct uio_vec *room, struct uio_vec *vecs);
