/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing on behalf of a program, and its vectors: shared by file.c and splice.c. */
#pragma once
#include "core/file.h"
#include "lib/compiler.h"

/* vfs_write with RLIMIT_FSIZE, SIGXFSZ and SIGPIPE. pos NULL: the file's own. */
ssize_t file_write(struct file *f, struct uio *u, int64_t *pos);
/* read(2), write(2) and their kin on a file: with RWF_* and the file's mode looked at. */
ssize_t file_transfer(struct file *f, struct uio *u, bool write, const int64_t *pos,
		      unsigned flags);
/* fadvise64(2), fallocate(2). */
MUST_CHECK int file_advise(const struct file *f, int64_t len, int advice);
MUST_CHECK int file_allocate(struct file *f, int mode, int64_t offset, int64_t len);
/* splice(2) and tee(2), in their way open for reading and writing; SIGPIPE is raised. */
ssize_t file_splice(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos,
		    size_t len, unsigned flags);
ssize_t file_tee(struct file *in, struct file *out, size_t len, unsigned flags);
/* To the current task, as kill(2) would: SIGPIPE, SIGXFSZ. */
void signal_raise(int sig);
#define RW_VECS_INLINE 8
/* An iovec array from user memory: checked, cut to what one call may move. `room` holds
 * RW_VECS_INLINE. */
MUST_CHECK int uio_vecs_get(uaddr_t iov, unsigned long nr, struct uio_vec *room,
			    struct uio_vec **vecs);
void uio_vecs_put(struct uio_vec *room, struct uio_vec *vecs);
