/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing without waiting (stream.h). */
#define _GNU_SOURCE
#include "monitor/device/stream.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib/compiler.h"

void stream_init(struct stream *stream, int fd)
{
	struct stat st;

	stream->fd = fd;
	stream->method = STREAM_NOWAIT;
	if (fd >= 0 && fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
		stream->method = STREAM_PLAIN;
}

static bool is_ready(const struct stream *stream, short events)
{
	struct pollfd fd = { .fd = stream->fd, .events = events };

	return poll(&fd, 1, 0) > 0;
}

static ssize_t result_of(ssize_t len)
{
	return len >= 0 ? len : -errno;
}

ssize_t stream_read(struct stream *stream, const struct iovec *iov, unsigned nr)
{
	ssize_t len;

	if (stream->method == STREAM_NOWAIT) {
		len = result_of(preadv2(stream->fd, iov, (int)nr, -1, RWF_NOWAIT));
		if (len != -EOPNOTSUPP && len != -EINVAL && len != -ENOSYS)
			return len;
		stream->method = STREAM_POLL;
	}
	if (stream->method == STREAM_POLL && !is_ready(stream, POLLIN))
		return -EAGAIN;
	return result_of(readv(stream->fd, iov, (int)nr));
}

ssize_t stream_write(struct stream *stream, const struct iovec *iov, unsigned nr)
{
	ssize_t len;

	if (stream->method == STREAM_NOWAIT) {
		len = result_of(pwritev2(stream->fd, iov, (int)nr, -1, RWF_NOWAIT));
		if (len != -EOPNOTSUPP && len != -EINVAL && len != -ENOSYS)
			return len;
		stream->method = STREAM_POLL;
	}
	if (stream->method == STREAM_PLAIN)
		return result_of(writev(stream->fd, iov, (int)nr));
	if (!is_ready(stream, POLLOUT))
		return -EAGAIN;
	return result_of(write(stream->fd, iov[0].iov_base, min(iov[0].iov_len, (size_t)PIPE_BUF)));
}
