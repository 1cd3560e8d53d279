/* SPDX-License-Identifier: BSD-2-Clause */
/* Files by POSIX: whole transfers, whatever read(2) and write(2) split them into. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/core.h"

#define READ_FIRST 16384u /* bytes; they double */

ptrdiff_t hull_read_at(int fd, void *to, size_t len, uint64_t offset)
{
	size_t total = 0;

	while (total < len) {
		ssize_t n = pread(fd, (char *)to + total, len - total, (off_t)(offset + total));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		total += (size_t)n;
	}
	return (ptrdiff_t)total;
}

ptrdiff_t hull_write_at(int fd, const void *from, size_t len, uint64_t offset)
{
	size_t total = 0;

	while (total < len) {
		ssize_t n = pwrite(fd, (const char *)from + total, len - total,
				   (off_t)(offset + total));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		total += (size_t)n;
	}
	return (ptrdiff_t)total;
}

/*
 * Until the end, wherever that is: /proc says 0 bytes. Neither fstat(3) nor open(3), for those of
 * musl bring fcntl(2) and six calls more, and a minimal kernel all that can be asked by them.
 */
static int read_all(int fd, void **data, size_t *len)
{
	size_t room = READ_FIRST, total = 0;
	char *all = malloc(room + 1), *larger;
	ssize_t n;

	while (all != NULL) {
		n = read(fd, all + total, room - total);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		total += (size_t)n;
		if (total < room)
			continue;
		room *= 2;
		larger = realloc(all, room + 1);
		if (larger == NULL)
			free(all);
		all = larger;
	}
	if (all == NULL)
		return -ENOMEM;
	if (n < 0) {
		n = -errno;
		free(all);
		return (int)n;
	}
	all[total] = '\0';
	*data = all;
	*len = total;
	return 0;
}

int hull_file_read(const char *path, void **data, size_t *len)
{
	int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = read_all(fd, data, len);
	close(fd);
	return err;
}

/* Beside it, and then in its place: who reads sees the old one or the new one. */
int hull_file_write(const char *path, const void *data, size_t len)
{
	size_t n = strlen(path);
	char *fresh = malloc(n + 8);
	ptrdiff_t written = -ENOMEM;
	int fd = -1;

	if (fresh == NULL)
		return -ENOMEM;
	memcpy(fresh, path, n);
	strcpy(fresh + n, ".XXXXXX");
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0) {
		written = -errno;
		free(fresh);
		return (int)written;
	}
	written = hull_write_at(fd, data, len, 0);
	if (written >= 0 && (fchmod(fd, 0644) != 0 || fsync(fd) != 0 || rename(fresh, path) != 0))
		written = -errno;
	close(fd);
	if (written < 0)
		unlink(fresh);
	free(fresh);
	return written < 0 ? (int)written : 0;
}
