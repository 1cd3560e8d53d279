/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs an image as a check of it (verify.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pack/verify.h"

#define MAX_SAID ((size_t)1 << 20) /* of what it says, so much is looked at */
#define MISSING  " is not in this kernel"

#define VERIFY_SECONDS 120 /* when nobody says more */

static char **arguments(struct build *build, const char *hull, int image_fd)
{
	struct strings list = { .nr = 0 };
	const char *text = build->config->verify_command;

	strings_add(build->arena, &list, hull);
	strings_add(build->arena, &list, "run");
	strings_add(build->arena, &list, "--verbose");
	strings_add(build->arena, &list, "--");
	strings_add(build->arena, &list, arena_printf(build->arena, "/proc/self/fd/%d", image_fd));
	for (; text && *text; text += strspn(text, " ")) {
		size_t len = strcspn(text, " ");

		if (len)
			strings_add(build->arena, &list, arena_copy(build->arena, text, len));
		text += len;
	}
	strings_add(build->arena, &list, NULL);
	return (char **)list.at;
}

/* The child: everything that it says goes to `said`. It does not outlive a build that is ended. */
static void run_child(char **args, int image_fd, int said)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(nothing, STDIN_FILENO);
	dup2(said, STDOUT_FILENO);
	dup2(said, STDERR_FILENO);
	fcntl(image_fd, F_SETFD, 0);
	execv(args[0], args);
	fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
	_exit(127);
}

static char *read_said(struct build *build, int said)
{
	char *text = arena_alloc(build->arena, MAX_SAID + 1);

	if (pread(said, text, MAX_SAID, 0) < 0)
		text[0] = '\0';
	return text;
}

/* "... system call 99 (sysinfo) is not in this kernel" */
static void note_missing(struct build *build, const char *text)
{
	const char *at = text;

	while ((at = strstr(at, MISSING)) != NULL) {
		const char *start = at;

		while (start > text && start[-1] != '\n' && strncmp(start, "system call", 11) != 0)
			start--;
		strings_add(build->arena, &build->report->notes,
			    arena_printf(build->arena, "--verify: the program asked for it: %.*s%s",
					 (int)(at - start), start, MISSING));
		at += strlen(MISSING);
	}
}

/* The last lines of it. */
static const char *tail(const char *text)
{
	size_t len = strlen(text);

	return len > 600 ? text + len - 600 : text;
}

/* Has it ended in time? If not, it is killed: what SIGTERM means is the program's affair. */
static bool wait_for(pid_t child, unsigned seconds, int *status)
{
	int fd = (int)syscall(SYS_pidfd_open, child, 0);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int nr = 1;

	do {
		if (fd >= 0)
			nr = poll(&wait, 1, (int)seconds * 1000);
	} while (nr < 0 && errno == EINTR);
	if (nr == 0)
		kill(child, SIGKILL);
	if (fd >= 0)
		close(fd);
	while (waitpid(child, status, 0) < 0 && errno == EINTR)
		;
	return nr != 0;
}

int verify_image(struct build *build, int image_fd, struct failure *failure)
{
	const char *hull = own_files_find(build->arena, "hull", failure);
	unsigned seconds = build->config->verify_seconds ? build->config->verify_seconds
							 : VERIFY_SECONDS;
	int said, status = 0;
	char **args, *text;
	bool ended;
	pid_t child;

	if (!hull)
		return -1;
	args = arguments(build, hull, image_fd);
	said = memfd_create("verify", MFD_CLOEXEC);
	fflush(stdout);
	child = said < 0 ? -1 : fork();
	if (child == 0)
		run_child(args, image_fd, said);
	if (child < 0)
		return failure_set(failure, "--verify: %s", strerror(errno));
	ended = wait_for(child, seconds, &status);
	text = read_said(build, said);
	close(said);
	note_missing(build, text);
	if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (!ended)
		return failure_set(failure,
				   "--verify: the image has not ended after %u s; a server is "
				   "checked by arguments with which it ends (--verify=--version), "
				   "a long run by --verify-seconds. It said:\n%s",
				   seconds, tail(text));
	return failure_set(failure, "--verify: the image ended with status %d, and said:\n%s",
			   WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
			   tail(text));
}
