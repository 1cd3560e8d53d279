/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of a call through the table. A call that is not in it answers ENOSYS and is named in the
 * log once.
 */
#include "linux/syscall.h"

#include <abi/hull/native.h>

#include "arch/trap.h"
#include "core/log.h"
#include "core/program.h"
#include "core/sched/thread.h"
#include "lib/atomic.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "linux/strace/strace.h"
#include "linux/sys.h"
#include "linux/task/seccomp.h"

OPTIONAL(program_native_call);

bool strace_is_on;
static uint64_t reported[BITMAP_WORDS(SYSCALL_NR_MAX)]; /* [a] */

static void log_missing(unsigned long nr)
{
	const char *name = syscall_name(nr);

	if (name != NULL)
		log_warn("system call %lu (%s) is not in this kernel", nr, name);
	else
		log_warn("system call %lu is not in this kernel", nr);
}

/* Hull's own are numbered above Linux's. */
static NOINLINE long unknown(const struct trap_frame *f, unsigned long nr)
{
	if (nr - NATIVE_CALL_FIRST < NATIVE_NR_CALLS && program_native_call != NULL)
		return program_native_call(f, nr);
	if (nr < SYSCALL_NR_MAX &&
	    (atomic_or(&reported[nr / 64], 1ull << (nr % 64)) >> (nr % 64) & 1) == 0)
		log_missing(nr);
	return -ENOSYS;
}

static inline long call(struct trap_frame *f, unsigned long nr)
{
	syscall_fn *fn = nr < syscall_table_nr ? (syscall_fn *)(long)syscall_table[nr] : NULL;

	if (unlikely(fn == NULL))
		return unknown(f, nr);
	return fn(frame_arg(f, 0), frame_arg(f, 1), frame_arg(f, 2), frame_arg(f, 3),
		  frame_arg(f, 4), frame_arg(f, 5));
}

/* strace looks on, or seccomp(2) decides. */
static NOINLINE void watched(struct trap_frame *f, unsigned long nr)
{
	bool is_traced = strace_is_on && strace_is_for_current();
	struct strace_line line;

	if (is_traced)
		strace_enter(&line, nr, f);
	if (!READ_ONCE(thread_current()->checks_calls) || seccomp_permits(f))
		frame_set_result(f, call(f, nr));
	if (is_traced)
		strace_leave(&line, nr, f);
}

void program_syscall(struct trap_frame *f)
{
	struct thread *self = thread_current();
	unsigned long nr = frame_syscall_nr(f);
	long result;

	if (unlikely(strace_is_on | READ_ONCE(self->checks_calls)))
		watched(f, nr);
	else
		frame_set_result(f, call(f, nr));
	result = frame_result(f);
	if (unlikely(result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK))
		thread_set_work(self, THREAD_WORK_SIGNAL);
}
