/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One direction of a descriptor that somebody else opened, used without ever waiting in it and
 * without O_NONBLOCK, which would be seen by all who share the open file.
 *
 * Regular files: plain calls, for they do not wait for anybody. Everything else: RWF_NOWAIT where
 * the host's kernel knows it for this kind of file; where not, poll(2) first, then at most a pipe's
 * atomic unit, which does not wait as long as nobody else uses the same end.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

enum stream_method { STREAM_PLAIN, STREAM_NOWAIT, STREAM_POLL };

struct stream {
	int fd;
	enum stream_method method;
};

void stream_init(struct stream *stream, int fd);
/* Bytes; 0: end of file; -EAGAIN: nothing now; other -Exxx. */
ssize_t stream_read(struct stream *stream, const struct iovec *iov, unsigned nr);
/* Bytes, perhaps fewer than asked; -EAGAIN: full now; other -Exxx. */
ssize_t stream_write(struct stream *stream, const struct iovec *iov, unsigned nr);
