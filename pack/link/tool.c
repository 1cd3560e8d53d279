/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs `as`, `ld` and `objcopy`, and brings home what they say when they fail. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pack/link/plan.h"

extern char **environ;

/* The pipe's text, as much as fits in; the rest is read and dropped. */
static void read_words(int fd, char *words, size_t size)
{
	char rest[512];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = len < size - 1 ? read(fd, words + len, size - 1 - len)
				   : read(fd, rest, sizeof(rest));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (len < size - 1)
			len += (size_t)n;
	}
	while (len > 0 && words[len - 1] == '\n')
		len--;
	words[len] = '\0';
}

static int start(const char *const argv[], int words, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (err != 0)
		return err;
	err = posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
	if (err == 0)
		err = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

int tool_run(const char *const argv[], struct failure *failure)
{
	char words[700];
	int ends[2], err, status = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return failure_set(failure, "cannot run %s: %s", argv[0], strerror(errno));
	err = start(argv, ends[1], &pid);
	close(ends[1]);
	if (err == 0)
		read_words(ends[0], words, sizeof(words));
	close(ends[0]);
	if (err == ENOENT)
		return failure_set(failure,
				   "cannot run %s: it is not installed; a minimal kernel "
				   "is linked by the binutils package's as, ld and objcopy",
				   argv[0]);
	if (err != 0)
		return failure_set(failure, "cannot run %s: %s", argv[0], strerror(err));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return failure_set(failure, "%s failed: %s", argv[0],
				   words[0] != '\0' ? words : "it says nothing");
	return 0;
}
