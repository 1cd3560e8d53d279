/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes and FIFOs (pipe(7)): a ring of page references. Writes of up to PIPE_BUF bytes are atomic.
 */
#pragma once
#include "core/file.h"

/* Both ends. flags: O_CLOEXEC is the caller's; O_NONBLOCK, O_DIRECT. */
MUST_CHECK int pipe_new(unsigned flags, struct file **read_end, struct file **write_end);
int pipe_fifo_open(struct inode *inode,
		   struct file *f); /* waits for the other end as open(2) has it */
bool file_is_pipe(const struct file *f);
long pipe_get_size(struct file *f);              /* F_GETPIPE_SZ */
long pipe_set_size(struct file *f, size_t size); /* F_SETPIPE_SZ; -EBUSY, -EPERM */
/* splice(2) and tee(2) between pipes and files, in whole pages where it can. Bytes moved or
 * -errno. */
ssize_t pipe_splice_in(struct file *pipe, struct file *from, int64_t *pos, size_t len,
		       unsigned flags);
ssize_t pipe_splice_out(struct file *pipe, struct file *to, int64_t *pos, size_t len,
			unsigned flags);
ssize_t pipe_tee(struct file *from, struct file *to, size_t len, unsigned flags);
/* vmsplice(2): waits once, for room or for bytes, then moves what there is place for. The pages are
 * copied: a program cannot tell but by writing to them later. */
ssize_t pipe_vmsplice_in(struct file *pipe, struct uio *u, bool nonblock);
ssize_t pipe_vmsplice_out(struct file *pipe, struct uio *u, bool nonblock);
