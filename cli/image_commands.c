/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands about images and programs as files are another executable, hull-image, so that
 * `hull run` does not load a disassembler, a YAML parser and a library of ciphers at each start.
 * It stands beside this one, and is given the command line as it is.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/image_commands.h"

#define EXECUTABLE "hull-image"

int image_commands_path(char path[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (len < 0) {
		message_print("/proc/self/exe: %s; is /proc mounted?", strerror(errno));
		return EXIT_HULL;
	}
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) + sizeof("/" EXECUTABLE) > PATH_MAX) {
		message_print("%s: the path is too long", path);
		return EXIT_HULL;
	}
	strcpy(slash + 1, EXECUTABLE);
	return 0;
}

static int run_elsewhere(int argc, char **argv)
{
	char path[PATH_MAX];
	char **args = calloc((size_t)argc + 2, sizeof(*args));
	int err = image_commands_path(path);

	if (err || !args)
		return EXIT_HULL;
	args[0] = path;
	memcpy(args + 1, argv, (size_t)argc * sizeof(*argv));
	execv(path, args);
	message_print("%s: %s: it belongs beside hull; 'make' builds it", path, strerror(errno));
	free(args);
	return EXIT_HULL;
}

/* By the descriptor that will be run from: the path may lead to another file meanwhile. */
int image_commands_verify(int image_fd, const char *path, const char *key)
{
	char executable[PATH_MAX], image[64];
	int err = image_commands_path(executable), status = 0;
	pid_t child;

	if (err)
		return err;
	snprintf(image, sizeof(image), "/proc/%d/fd/%d", (int)getpid(), image_fd);
	child = fork();
	if (child == 0) {
		execl(executable, executable, "inspect", "--quiet", "--name", path, "--verify", key,
		      "--", image, NULL);
		message_print("%s: %s: it belongs beside hull; 'make' builds it", executable,
			      strerror(errno));
		_exit(EXIT_HULL);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0) {
		message_print("--require-signature: %s", strerror(errno));
		return EXIT_HULL;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EXIT_CANNOT_RUN;
}

#define ELSEWHERE(id, text) \
	const struct command cmd_##id = { .name = #id, \
					  .arguments = "...", \
					  .summary = text, \
					  .elsewhere = true, \
					  .run = run_elsewhere }

ELSEWHERE(init, "Write a hull.yaml for a program.");
ELSEWHERE(build, "Make an image of a program that boots by itself.");
ELSEWHERE(inspect, "Say what is inside an image, and verify it.");
ELSEWHERE(scan, "Say which system calls a program can make.");
ELSEWHERE(rewrite, "Patch a program's system calls ahead of time.");
