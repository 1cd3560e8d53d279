/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system-call table.
 *
 * syscalls.def has one row per call:
 *
 *	SYSCALL3(0, read, "read_write", 0, FD, fd, OUT, buf, SIZE, count)
 *		 number, name, test/linux program, flags, then type and name of each argument
 *
 * From a row come the prototype `long sys_read(int fd, uaddr_t buf, size_t count)`, the stub that
 * unpacks the registers, the table's entry, and what strace prints. A type says both the C type
 * (SYSCALL_C_<type>) and how strace shows the value (enum syscall_arg). Functions live in
 * kernel/linux/<family>.c, return a result or -Exxx, and find pointers as uaddr_t: user memory is
 * reached through mm/user.h only. A row whose function is not linked in answers ENOSYS, so an image
 * may leave families out.
 *
 * Calls that look at or replace the program's registers use thread_frame(thread_current()).
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct trap_frame;

enum syscall_flags {
	SYSCALL_RET_HEX = 1 << 0,   /* the result is an address */
	SYSCALL_NO_RETURN = 1 << 1, /* strace prints it before it runs: exit, exit_group */
};

/* How an argument is shown, and its C type. */
/* clang-format off */
#define SYSCALL_TYPES(T) \
	T(INT, int) T(UINT, unsigned) T(LONG, long) T(ULONG, unsigned long) T(HEX, unsigned long) \
	T(FD, int) T(DIRFD, int) T(PATH, uaddr_t) T(STR, uaddr_t) T(PTR, uaddr_t) \
	T(IN, uaddr_t)		/* bytes; the next argument is their count */ \
	T(OUT, uaddr_t)		/* bytes; the result is their count */ \
	T(STR_OUT, uaddr_t)	/* a string that the call fills */ \
	T(SIZE, size_t) T(OFF, int64_t) T(OFF_PTR, uaddr_t) T(MODE, uint32_t) \
	T(OPEN_FLAGS, unsigned) \
	T(PROT, unsigned long) T(MAP_FLAGS, unsigned long) \
	T(MREMAP_FLAGS, unsigned long) \
	T(MSYNC_FLAGS, int) T(MADVICE, int) T(SIGNAL, int) T(SIGSET, uaddr_t) \
	T(SIGSET_OUT, uaddr_t) \
	T(SIGHOW, int) T(SIGACTION, uaddr_t) T(SIGACTION_OUT, uaddr_t) T(SIGINFO_OUT, uaddr_t) \
	T(TIMESPEC, uaddr_t) T(TIMESPEC_OUT, uaddr_t) T(TIMEVAL, uaddr_t) T(TIMEVAL_OUT, uaddr_t) \
	T(CLOCK, int) T(TIMER_FLAGS, int) T(FUTEX_OP, int) T(CLONE_FLAGS, unsigned long) \
	T(WHENCE, int) T(AT_FLAGS, int) T(ACCESS, int) T(FCNTL, unsigned) T(IOCTL, unsigned) \
	T(RESOURCE, int) T(RLIMIT, uaddr_t) T(RLIMIT_OUT, uaddr_t) T(RUSAGE_WHO, int) \
	T(PRCTL, int) T(ARCH_PRCTL, int) T(PID, int) T(UID, uint32_t) T(DEV, uint64_t) \
	T(MASK, unsigned) \
	T(STAT_OUT, uaddr_t) T(IOVEC, uaddr_t) T(IOVEC_OUT, uaddr_t) T(ARGV, uaddr_t) \
	T(ENVP, uaddr_t) \
	T(FD_PAIR_OUT, uaddr_t) T(INT_OUT, uaddr_t) T(EPOLL_OP, int) T(EPOLL_EVENT, uaddr_t) \
	T(EPOLL_EVENTS_OUT, uaddr_t) T(POLLFD, uaddr_t) T(GETRANDOM_FLAGS, unsigned) \
	T(POLICY, int) T(CLOEXEC_FLAGS, int) T(UNAME_OUT, uaddr_t) \
	T(WAIT_OPTIONS, int) T(WAIT_WHICH, int) T(WAIT_STATUS_OUT, uaddr_t)
/* clang-format on */

#define SYSCALL_ENUM_(name, ctype) ARG_##name,
enum syscall_arg { SYSCALL_TYPES(SYSCALL_ENUM_) };
#undef SYSCALL_ENUM_

#define SYSCALL_ARGS_MAX 6
#define SYSCALL_NR_MAX   512

struct syscall {
	long (*call)(const struct trap_frame *f); /* unpacks and calls; NULL: no such row */
	void (*target)(void);                     /* the function itself; NULL: not linked in */
	const char *name;
	uint8_t nr_args, flags;
	uint8_t args[SYSCALL_ARGS_MAX]; /* enum syscall_arg */
};

/* NULL: unknown or not linked in. */
const struct syscall *syscall_find(unsigned long nr);
