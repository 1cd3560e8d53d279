/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file without a name (O_TMPFILE) that gets one by linkat(2) and rename(2); where the file
 * system has no such files, one with a name of its own that is removed.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack/output.h"
#include "pack/signals.h"

static const char *folder_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	return slash == path ? "/" : arena_copy(arena, path, (size_t)(slash - path));
}

int output_open(struct output *output, struct arena *arena, const char *path,
		struct failure *failure)
{
	const char *folder = folder_of(arena, path);
	struct stat st;

	*output = (struct output){ .path = path };
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return failure_set(failure, "-o %s: it is there, and no regular file", path);
	output->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (output->fd < 0) {
		char *name = arena_printf(arena, "%s/.hull-build-XXXXXX", folder);

		output->fd = mkostemp(name, O_CLOEXEC);
		output->temporary = name;
	}
	if (output->fd < 0)
		return failure_set(failure, "-o %s: %s", path, strerror(errno));
	return 0;
}

/* Gives a file without a name one beside its path. */
static int give_name(struct output *output, struct arena *arena)
{
	const char *folder = folder_of(arena, output->path);
	char descriptor[64];

	snprintf(descriptor, sizeof(descriptor), "/proc/self/fd/%d", output->fd);
	for (unsigned i = 0; i < 100; i++) {
		const char *name = arena_printf(arena, "%s/.hull-build-%d-%u", folder,
						(int)getpid(), i);

		if (linkat(AT_FDCWD, descriptor, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
			output->temporary = name;
			return 0;
		}
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

int output_finish(struct output *output, struct arena *arena, unsigned mode,
		  struct failure *failure)
{
	mode_t mask = umask(0);
	sigset_t before;
	int err = 0;

	umask(mask);
	signals_hold(&before);
	if (fchmod(output->fd, mode & ~mask) < 0 ||
	    (!output->temporary && give_name(output, arena) < 0) ||
	    rename(output->temporary, output->path) < 0)
		err = failure_set(failure, "-o %s: %s", output->path, strerror(errno));
	else
		output->temporary = NULL;
	output_discard(output);
	signals_release(&before);
	return err;
}

void output_discard(struct output *output)
{
	if (output->fd >= 0)
		close(output->fd);
	output->fd = -1;
	if (output->temporary)
		unlink(output->temporary);
	output->temporary = NULL;
}
