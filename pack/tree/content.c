/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of a file of the image (content.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "pack/tree/content.h"

static ssize_t read_all(int fd, char *to, size_t len, uint64_t from)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, to + done, len - done, (off_t)(from + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t content_read(const struct content *content, void *to, size_t len, uint64_t from)
{
	ssize_t n;
	int fd;

	if (from >= content->size_bytes)
		return 0;
	if (len > content->size_bytes - from)
		len = content->size_bytes - from;
	if (content->bytes) {
		memcpy(to, (const char *)content->bytes + from, len);
		return (ssize_t)len;
	}
	if (!content->path)
		return read_all(content->fd, to, len, content->offset + from);
	fd = open(content->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read_all(fd, to, len, from);
	close(fd);
	return n;
}

const char *content_name(const struct content *content)
{
	return content->path ? content->path : "the unpacked layers";
}
