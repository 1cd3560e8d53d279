/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table made from syscalls.def, and the way a call takes through it.
 *
 * A row's function is referenced weakly: where no linked file defines it, the call is unknown.
 * Unknown calls answer ENOSYS and are named in the log once each.
 */
#include "linux/syscall.h"

#include "arch/trap.h"
#include "core/log.h"
#include "core/program.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "linux/strace/strace.h"
#include "linux/sys.h"
#include "linux/task/seccomp.h"

#define A(i, type) (SYSCALL_C_##type) frame_arg(f, i)
#define CALL(name) static long call_##name(const struct trap_frame *f)
#define WEAK(name) __typeof__(sys_##name) sys_##name __attribute__((weak))

#define SYSCALL0(nr, name, test, flags) \
	WEAK(name); \
	CALL(name) \
	{ \
		return sys_##name(); \
	}
#define SYSCALL1(nr, name, test, flags, t0, a0) \
	WEAK(name); \
	CALL(name) \
	{ \
		return sys_##name(A(0, t0)); \
	}
#define SYSCALL2(nr, name, test, flags, t0, a0, t1, a1) \
	WEAK(name); \
	CALL(name) \
	{ \
		return sys_##name(A(0, t0), A(1, t1)); \
	}
#define SYSCALL3(nr, name, test, flags, t0, a0, t1, a1, t2, a2) \
	WEAK(name); \
	CALL(name) \
	{ \
		return sys_##name(A(0, t0), A(1, t1), A(2, t2)); \
	}
#define SYSCALL4(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3) \
	WEAK(name); \
	CALL(name) \
	{ \
		return sys_##name(A(0, t0), A(1, t1), A(2, t2), A(3, t3)); \
	}
#define SYSCALL5(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4) \
	WEAK(name); \
	CALL(name) \
	{ \
		return sys_##name(A(0, t0), A(1, t1), A(2, t2), A(3, t3), A(4, t4)); \
	}
#define SYSCALL6(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
	WEAK(name); \
	CALL(name) \
	{ \
		return sys_##name(A(0, t0), A(1, t1), A(2, t2), A(3, t3), A(4, t4), A(5, t5)); \
	}
#include "linux/syscalls.def"
#undef SYSCALL0
#undef SYSCALL1
#undef SYSCALL2
#undef SYSCALL3
#undef SYSCALL4
#undef SYSCALL5
#undef SYSCALL6

#define ROW(nr, sys, count, bits, ...) \
	[nr] = { call_##sys, (void (*)(void))sys_##sys, #sys, count, bits, { __VA_ARGS__ } },
#define SYSCALL0(nr, name, test, flags)                 ROW(nr, name, 0, flags, 0)
#define SYSCALL1(nr, name, test, flags, t0, a0)         ROW(nr, name, 1, flags, ARG_##t0)
#define SYSCALL2(nr, name, test, flags, t0, a0, t1, a1) ROW(nr, name, 2, flags, ARG_##t0, ARG_##t1)
#define SYSCALL3(nr, name, test, flags, t0, a0, t1, a1, t2, a2) \
	ROW(nr, name, 3, flags, ARG_##t0, ARG_##t1, ARG_##t2)
#define SYSCALL4(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3) \
	ROW(nr, name, 4, flags, ARG_##t0, ARG_##t1, ARG_##t2, ARG_##t3)
#define SYSCALL5(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4) \
	ROW(nr, name, 5, flags, ARG_##t0, ARG_##t1, ARG_##t2, ARG_##t3, ARG_##t4)
#define SYSCALL6(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
	ROW(nr, name, 6, flags, ARG_##t0, ARG_##t1, ARG_##t2, ARG_##t3, ARG_##t4, ARG_##t5)
static const struct syscall table[SYSCALL_NR_MAX] = {
#include "linux/syscalls.def"
};

static uint64_t reported[BITMAP_WORDS(SYSCALL_NR_MAX)]; /* [a] */

const struct syscall *syscall_find(unsigned long nr)
{
	if (nr >= SYSCALL_NR_MAX || table[nr].target == NULL)
		return NULL;
	return &table[nr];
}

static NOINLINE long unknown(unsigned long nr)
{
	if (nr < SYSCALL_NR_MAX &&
	    (atomic_or(&reported[nr / 64], 1ull << (nr % 64)) >> (nr % 64) & 1) == 0)
		log_warn("system call %lu is not implemented", nr);
	return -ENOSYS;
}

/* strace looks on, or seccomp(2) decides. */
static NOINLINE void watched(struct trap_frame *f, unsigned long nr)
{
	bool is_traced = strace_is_on && strace_is_for_current();
	const struct syscall *s = syscall_find(nr);
	struct strace_line line;

	if (is_traced)
		strace_enter(&line, s, f);
	if (!READ_ONCE(thread_current()->checks_calls) || seccomp_permits(f))
		frame_set_result(f, s == NULL ? unknown(nr) : s->call(f));
	if (is_traced)
		strace_leave(&line, s, f);
}

void program_syscall(struct trap_frame *f)
{
	struct thread *self = thread_current();
	unsigned long nr = frame_syscall_nr(f);
	long result;

	if (unlikely(strace_is_on | READ_ONCE(self->checks_calls))) {
		watched(f, nr);
	} else {
		result = likely(nr < SYSCALL_NR_MAX && table[nr].target != NULL) ? table[nr].call(f)
										 : unknown(nr);
		frame_set_result(f, result);
	}
	result = frame_result(f);
	if (unlikely(result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK))
		thread_set_work(self, THREAD_WORK_SIGNAL);
}
