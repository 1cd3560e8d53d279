/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting until another task waits: its state (proc(5), the third field of stat) is S. Between the
 * moment when a test hears that the task is about to make a call and the moment when this is true
 * the task must do nothing else that sleeps; then it is in that call, however slow the machine is.
 */
#pragma once
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include "child.h"

/* The letter, '?' when there is no such task. */
static inline char task_state(pid_t pid, pid_t tid)
{
	char path[64], line[512] = "", *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
	f = fopen(path, "r");
	if (f == NULL)
		return '?';
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	end = strrchr(line, ')');
	return end != NULL ? end[2] : '?';
}

/* Of a process with one thread, or of the first of several. */
static inline void await_state(pid_t pid, char state)
{
	while (task_state(pid, pid) != state)
		child_pause_ms(1);
}

static inline void await_asleep(pid_t pid)
{
	await_state(pid, 'S');
}

/* Of this process. */
static inline void await_thread_asleep(pid_t tid)
{
	while (task_state(getpid(), tid) != 'S')
		child_pause_ms(1);
}

/*
 * Signals a child that sleeps in a call until it ends: one signal comes while it is in that call.
 * As child_wait().
 */
static inline int child_interrupt(pid_t pid, int sig)
{
	siginfo_t info;

	await_asleep(pid);
	do {
		kill(pid, sig);
		child_pause_ms(5);
		info.si_pid = 0;
	} while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		 info.si_pid == 0);
	return child_wait(pid);
}
