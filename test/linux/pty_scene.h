/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenes in terminals: functions that run in a child which leads a session of its own, and in
 * children of that. NEED stops a process at what went wrong; the line is told through shared memory
 * and is what the test reports. Processes keep in step through a pipe of letters.
 */
#pragma once
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "pty.h"

#define SCENE_SECONDS 240

struct scene {
	int master, slave;
	char name[64];
};

static volatile int *scene_line; /* shared: the first that went wrong */
static int scene_steps[26][2];   /* a pipe for each letter */

#define NEED(cond) \
	do { \
		if (!(cond)) \
			scene_fail(__LINE__, #cond); \
	} while (0)
#define NEED_ERR(call, error) \
	do { \
		errno = 0; \
		if ((long)(call) != -1 || errno != (error)) \
			scene_fail(__LINE__, #call " -> " #error); \
	} while (0)
#define RUN(fn) CHECK_EQ(scene_run(fn, #fn), 0)

static inline _Noreturn void scene_fail(int line, const char *what)
{
	printf("# %d: line %d: %s (errno %d)\n", (int)getpid(), line, what, errno);
	fflush(stdout);
	if (*scene_line == 0)
		*scene_line = line;
	_exit(1);
}

/* Says that a place is reached; waits until another says so. */
static inline void step(char letter)
{
	NEED(write(scene_steps[letter - 'a'][1], "", 1) == 1);
}

static inline void expect_step(char letter)
{
	char byte;

	if (poll_for(scene_steps[letter - 'a'][0], POLLIN, PATIENCE_MS) == 0)
		scene_fail(letter, "no such step");
	NEED(read(scene_steps[letter - 'a'][0], &byte, 1) == 1);
}

static inline struct scene scene_open(int flags)
{
	struct scene s = { .master = posix_openpt(O_RDWR | O_NOCTTY) };

	NEED(s.master >= 0 && grantpt(s.master) == 0 && unlockpt(s.master) == 0);
	NEED(ptsname_r(s.master, s.name, sizeof(s.name)) == 0);
	s.slave = open(s.name, flags);
	NEED(s.slave >= 0);
	return s;
}

/* A new session with a pair, whose terminal is opened as flags say. */
static inline struct scene scene_begin(int flags)
{
	NEED(setsid() == getpid());
	return scene_open(flags);
}

static inline pid_t start_child(int (*fn)(struct scene *s), struct scene *s)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (pid == 0) {
		alarm(SCENE_SECONDS);
		_exit(fn(s));
	}
	return pid;
}

/* Its exit status, or 1000 + the signal that ended it. */
static inline int end_of(pid_t pid)
{
	int status;

	NEED(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline int in_child(int (*fn)(struct scene *s), struct scene *s)
{
	return end_of(start_child(fn, s));
}

/* The line that went wrong; -1: it died. */
static inline int scene_run(int (*fn)(void), const char *name)
{
	int status;
	pid_t pid;

	if (scene_line == NULL)
		scene_line = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0);
	*scene_line = 0;
	for (int i = 0; i < 26; i++) {
		if (pipe(scene_steps[i]) != 0)
			return -1;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(SCENE_SECONDS);
		_exit(fn());
	}
	waitpid(pid, &status, 0);
	for (int i = 0; i < 26; i++) {
		close(scene_steps[i][0]);
		close(scene_steps[i][1]);
	}
	if (*scene_line == 0 && status != 0)
		printf("# %s ended with status %#x\n", name, status);
	return *scene_line != 0 ? *scene_line : status != 0 ? -1 : 0;
}

static inline void block(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	sigaddset(&set, b);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* The next of the blocked signals, by number when several wait; 0: none comes. */
static inline int wait_signal(int timeout_ms)
{
	const struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000l };
	sigset_t set;
	int sig;

	sigprocmask(SIG_BLOCK, NULL, &set);
	sig = sigtimedwait(&set, NULL, &t);
	return sig > 0 ? sig : 0;
}

static inline int next_signal(void)
{
	return wait_signal(PATIENCE_MS);
}

static inline bool no_signal(void)
{
	return wait_signal(100) == 0;
}

static inline unsigned device_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (unsigned)st.st_rdev : 0;
}

/* tty_nr of /proc/self/stat. */
static inline int terminal_of_self(void)
{
	int ppid, pgrp, session, tty = -1;
	char state, text[512] = "";
	FILE *f = fopen("/proc/self/stat", "r");

	if (f == NULL)
		return -1;
	if (fgets(text, sizeof(text), f) == NULL ||
	    sscanf(strrchr(text, ')') + 2, "%c %d %d %d %d", &state, &ppid, &pgrp, &session,
		   &tty) != 5)
		tty = -1;
	fclose(f);
	return tty;
}
