/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking up, reading and finding files in a root. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/image/scan/root.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int root_open(const char *root, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int root_fd, fd, err;

	if (!root) {
		fd = open(path, flags | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	err = errno;
	close(root_fd);
	return fd < 0 ? -err : fd;
}

bool root_has_file(const char *root, const char *path)
{
	int fd = root_open(root, path, O_PATH);
	struct stat st;
	bool is_file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	if (fd >= 0)
		close(fd);
	return is_file;
}

static int read_whole(int fd, size_t max_bytes, char **bytes, size_t *len_bytes)
{
	struct stat st;
	size_t size, len = 0;
	ssize_t n = 1;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	size = (size_t)st.st_size < max_bytes ? (size_t)st.st_size : max_bytes;
	*bytes = malloc(size + 1);
	if (!*bytes)
		return -ENOMEM;
	while (len < size && n > 0) {
		n = read(fd, *bytes + len, size - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	(*bytes)[len] = '\0';
	*len_bytes = len;
	if (n >= 0)
		return 0;
	n = -errno;
	free(*bytes);
	return (int)n;
}

int root_read(const char *root, const char *path, size_t max_bytes, char **bytes, size_t *len_bytes)
{
	int fd = root_open(root, path, O_RDONLY | O_NONBLOCK), err;

	if (fd < 0)
		return fd;
	err = read_whole(fd, max_bytes, bytes, len_bytes);
	close(fd);
	return err;
}

int root_find_program(const char *root, const char *name, char **path)
{
	const char *at = root ? NULL : getenv("PATH");

	*path = NULL;
	if (strchr(name, '/')) {
		*path = strdup(name);
		return *path ? 0 : -ENOMEM;
	}
	if (!at || !*at)
		at = DEFAULT_PATH;
	while (*at) {
		size_t len = strcspn(at, ":");

		if (asprintf(path, "%.*s/%s", len ? (int)len : 1, len ? at : ".", name) < 0)
			return -ENOMEM;
		if (root_has_file(root, *path))
			return 0;
		free(*path);
		*path = NULL;
		at += len + (at[len] == ':');
	}
	return -ENOENT;
}
