/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the files of hull itself (own_files.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack/own_files.h"

const char *own_files_folder(struct arena *arena, const char *name, struct failure *failure)
{
	static const char *const folders[] = { "", "/../lib/hull" };
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0) {
		failure_set(failure, "/proc/self/exe: %s; is /proc mounted?", strerror(errno));
		return NULL;
	}
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *folder = arena_printf(arena, "%s%s", self, folders[i]);

		if (access(arena_printf(arena, "%s/%s", folder, name), R_OK) == 0)
			return folder;
	}
	failure_set(failure, "%s/%s: %s; it is a part of hull: 'make' builds it", self, name,
		    strerror(errno));
	return NULL;
}

const char *own_files_find(struct arena *arena, const char *name, struct failure *failure)
{
	const char *folder = own_files_folder(arena, name, failure);

	return folder ? arena_printf(arena, "%s/%s", folder, name) : NULL;
}

int own_files_map(const char *path, const void **bytes, size_t *len, struct failure *failure)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err = failure_set(failure, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		err = failure_set(failure, "%s: it is %s", path,
				  S_ISREG(st.st_mode) ? "empty" : "no regular file");
	} else {
		*len = (size_t)st.st_size;
		*bytes = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (*bytes == MAP_FAILED)
			err = failure_set(failure, "%s: %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return err;
}
