/* SPDX-License-Identifier: BSD-2-Clause */
/* Child processes of a test: they run a function and answer by their exit status. */
#pragma once
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static inline pid_t child_start(int (*fn)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(fn(arg));
	return pid;
}

/* Its exit status; 1000 + the signal that killed it; -1: there is no such child. */
static inline int child_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline int child_run(int (*fn)(void *arg), void *arg)
{
	return child_wait(child_start(fn, arg));
}

static inline void child_pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}
