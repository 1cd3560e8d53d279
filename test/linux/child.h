/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Child processes of a test: they run a function and answer by their exit status, which is not 0
 * when one of the child's own checks has failed.
 */
#pragma once
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

#define CHILD_FAILED 99 /* a check did, and the function has not said so */

static inline int child_main(int (*fn)(void *arg), void *arg)
{
	int before = atomic_load(&check_nr_failed), status;

	check_is_child = true;
	status = fn(arg);
	return status == 0 && atomic_load(&check_nr_failed) != before ? CHILD_FAILED : status;
}

static inline pid_t child_start(int (*fn)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(child_main(fn, arg));
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
