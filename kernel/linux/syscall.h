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
 * reached through mm/user.h only. A kernel's table has the calls that it was linked for
 * (pack/link/link.h); others answer ENOSYS.
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

/* What strace shows of a call. */
struct syscall {
	const char *name; /* NULL: no such row */
	uint8_t nr_args, flags;
	uint8_t args[SYSCALL_ARGS_MAX]; /* enum syscall_arg */
};

/* NULL: no such row. Of the part "strace". */
const struct syscall *syscall_find(unsigned long nr);

/* NULL: no such row. Of the part "names". */
const char *syscall_name(unsigned long nr);

extern bool strace_is_on; /* [I after launch] */

/*
 * The table of the calls that are in this kernel, made when it is linked (pack/link): a function's
 * address by number, cut to the low half that is sign extended; 0: the call is not in.
 *
 * Every function is called with six arguments. Each is an integer of 32 or 64 bits in a register of
 * its own (System V psABI, 3.2.3), and a function looks at those, and at the bits of those, that it
 * declares.
 */
typedef long syscall_fn(unsigned long, unsigned long, unsigned long, unsigned long, unsigned long,
			unsigned long);
extern const int32_t syscall_table[];
extern const uint32_t syscall_table_nr;
