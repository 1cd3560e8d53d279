/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strace: one line a call, in strace(1)'s own format, to a port of the host. The line is begun
 * before the call (what the program passed) and ended after it (what the kernel gave back, and the
 * result).
 */
#pragma once
#include <asm/siginfo.h>

#include "lib/compiler.h"
#include "lib/types.h"

struct port;
struct task;
struct trap_frame;

#define STRACE_LINE_MAX 1000

struct strace_line {
	size_t len;
	unsigned next_arg; /* the first argument that is not printed yet */
	char text[STRACE_LINE_MAX];
};

/* Of the first process, and with `follow` of all that come from it. */
void strace_start(struct port *out, bool follow);
bool strace_is_for_current(void); /* does the current process's calls concern it? */
void strace_enter(struct strace_line *l, unsigned long nr, const struct trap_frame *f);
void strace_leave(struct strace_line *l, unsigned long nr, const struct trap_frame *f);
void strace_signal(const siginfo_t *info);
void strace_exited(int wait_status);
