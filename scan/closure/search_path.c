/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resolution inside a root by openat2(2) with RESOLVE_IN_ROOT; ld.so.conf and ld.so.cache (glibc's
 * sysdeps/generic/dl-cache.h has the format's fields: magic "glibc-ld.so.cache1.1", the count of
 * libraries, the size of the strings, 48 bytes in all; then 24 bytes a library: flags, name, path,
 * OS version, hardware capabilities; names are offsets from the header).
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scan/closure/search_path.h"

#define CONF_MAX_BYTES     (64u << 20)
#define CONF_DEPTH         4
#define CACHE_MAGIC        "glibc-ld.so.cache1.1"
#define CACHE_HEADER_BYTES 48
#define CACHE_ENTRY_BYTES  24
#define CACHE_X86_64_LIBC6 0x0303

static int open_in_root(const struct search_root *root, const char *path, uint64_t flags)
{
	const struct open_how how = { .flags = flags, .resolve = RESOLVE_IN_ROOT };

	return (int)syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
}

/* What /proc says that a descriptor is. */
static char *path_of(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return NULL;
	path[len] = 0;
	return strdup(path);
}

int search_root_open(struct search_root *root, const char *path, struct scan_error *error)
{
	*root = (struct search_root){ .fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) };
	if (root->fd < 0) {
		scan_error_set(error, "%s: cannot be the root directory: %s", path,
			       strerror(errno));
		return -errno;
	}
	root->path = path_of(root->fd);
	if (!root->path) {
		search_root_close(root);
		scan_error_set(error, "%s: cannot tell its path (is /proc mounted?)", path);
		return -ENOENT;
	}
	if (strcmp(root->path, "/") == 0)
		root->path[0] = 0;
	return 0;
}

void search_root_close(struct search_root *root)
{
	if (root->fd >= 0)
		close(root->fd);
	free(root->path);
	root->fd = -1;
	root->path = NULL;
}

char *search_resolve_or_null(const struct search_root *root, const char *path)
{
	const int fd = open_in_root(root, path, O_PATH | O_CLOEXEC);
	char *real;

	if (fd < 0)
		return NULL;
	real = path_of(fd);
	close(fd);
	return real;
}

char *search_read_or_null(const struct search_root *root, const char *path, size_t *len_bytes)
{
	const int fd = open_in_root(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat stat;
	char *bytes = NULL;
	size_t len = 0;
	ssize_t got;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size < CONF_MAX_BYTES)
		bytes = malloc((size_t)stat.st_size + 1);
	while (bytes && len < (size_t)stat.st_size) {
		got = read(fd, bytes + len, (size_t)stat.st_size - len);
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	close(fd);
	if (bytes)
		bytes[len] = 0;
	*len_bytes = len;
	return bytes;
}

int search_folder_add(struct search_folders *folders, const char *path, size_t len)
{
	char **paths = realloc(folders->paths, (folders->nr + 1) * sizeof(*paths));

	if (!paths)
		return -ENOMEM;
	folders->paths = paths;
	paths[folders->nr] = strndup(path, len);
	if (!paths[folders->nr])
		return -ENOMEM;
	folders->nr++;
	return 0;
}

int search_folders_add(struct search_folders *folders, const char *list, const char *parting)
{
	int err = 0;

	while (*list && err == 0) {
		const size_t len = strcspn(list, parting);

		if (len)
			err = search_folder_add(folders, list, len);
		list += len;
		list += *list != 0;
	}
	return err;
}

static int add_included(struct search_folders *folders, const struct search_root *root,
			const char *pattern, unsigned depth)
{
	char *host;
	glob_t found;
	int err = 0;

	if (asprintf(&host, "%s%s%s", root->path, *pattern == '/' ? "" : "/etc/", pattern) < 0)
		return -ENOMEM;
	if (glob(host, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && err == 0; i++)
			err = search_folders_add_conf(
				folders, root, found.gl_pathv[i] + strlen(root->path), depth + 1);
		globfree(&found);
	}
	free(host);
	return err;
}

static int add_conf_line(struct search_folders *folders, const struct search_root *root, char *line,
			 unsigned depth)
{
	line[strcspn(line, "#\r")] = 0;
	line += strspn(line, " \t");
	if (strncmp(line, "include", 7) == 0 && (line[7] == ' ' || line[7] == '\t')) {
		line += 8;
		line += strspn(line, " \t");
		return add_included(folders, root, line, depth);
	}
	return *line == '/' ? search_folders_add(folders, line, " \t,:=") : 0;
}

int search_folders_add_conf(struct search_folders *folders, const struct search_root *root,
			    const char *conf, unsigned depth)
{
	size_t len_bytes;
	char *text, *next;
	int err = 0;

	if (depth > CONF_DEPTH)
		return 0;
	text = search_read_or_null(root, conf, &len_bytes);
	for (char *line = text; line && err == 0; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		err = add_conf_line(folders, root, line, depth);
	}
	free(text);
	return err;
}

void search_folders_fini(struct search_folders *folders)
{
	for (unsigned i = 0; i < folders->nr; i++)
		free(folders->paths[i]);
	free(folders->paths);
	*folders = (struct search_folders){ 0 };
}

static uint32_t u32_at(const char *bytes, size_t offset)
{
	uint32_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

const char *search_cache_find(const char *cache, size_t len_bytes, const char *name)
{
	const char *header = memmem(cache, len_bytes, CACHE_MAGIC, strlen(CACHE_MAGIC));
	size_t left, nr;

	if (!header || (left = len_bytes - (size_t)(header - cache)) < CACHE_HEADER_BYTES)
		return NULL;
	nr = u32_at(header, strlen(CACHE_MAGIC));
	if (nr > (left - CACHE_HEADER_BYTES) / CACHE_ENTRY_BYTES)
		return NULL;
	for (size_t i = 0; i < nr; i++) {
		const size_t at = CACHE_HEADER_BYTES + i * CACHE_ENTRY_BYTES;
		const uint32_t key = u32_at(header, at + 4), value = u32_at(header, at + 8);

		/* no variants for certain CPUs: those have a capability set */
		if (u32_at(header, at) != CACHE_X86_64_LIBC6 || u32_at(header, at + 16) ||
		    u32_at(header, at + 20) || key >= left || value >= left)
			continue;
		/* the file's bytes end with a 0 (search_read_or_null) */
		if (strcmp(header + key, name) == 0)
			return header + value;
	}
	return NULL;
}
