/* SPDX-License-Identifier: BSD-2-Clause */
/* Flags and values by name, as strace(1) prints them. The numbers come from Linux's own headers. */
#include "linux/strace/strace_flags.h"

#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/time.h>
#include <linux/wait.h>

#include "lib/fmt.h"
#include "linux/signal/signals.h"

struct name {
	unsigned long value;
	const char *text;
};

#define N(x) \
	{ \
		(unsigned long)(x), #x \
	}

static const struct name open_flags[] = {
	N(O_CREAT),     N(O_EXCL),      N(O_NOCTTY),
	N(O_TRUNC),     N(O_APPEND),    N(O_NONBLOCK),
	N(O_SYNC),      N(O_DSYNC),     { FASYNC, "O_ASYNC" },
	N(O_DIRECT),    N(O_LARGEFILE), N(O_TMPFILE),
	N(O_DIRECTORY), N(O_NOFOLLOW),  N(O_NOATIME),
	N(O_CLOEXEC),   N(O_PATH),
};
static const struct name prot[] = { N(PROT_READ), N(PROT_WRITE),     N(PROT_EXEC),
				    N(PROT_SEM),  N(PROT_GROWSDOWN), N(PROT_GROWSUP) };
static const struct name map_flags[] = {
	N(MAP_FIXED),      N(MAP_ANONYMOUS),       N(MAP_32BIT),     N(MAP_NORESERVE),
	N(MAP_POPULATE),   N(MAP_NONBLOCK),        N(MAP_GROWSDOWN), N(MAP_DENYWRITE),
	N(MAP_EXECUTABLE), N(MAP_LOCKED),          N(MAP_STACK),     N(MAP_HUGETLB),
	N(MAP_SYNC),       N(MAP_FIXED_NOREPLACE),
};
static const struct name mremap_flags[] = { N(MREMAP_MAYMOVE), N(MREMAP_FIXED),
					    N(MREMAP_DONTUNMAP) };
static const struct name msync_flags[] = { N(MS_ASYNC), N(MS_INVALIDATE), N(MS_SYNC) };
static const struct name madvice[] = {
	N(MADV_NORMAL),        N(MADV_RANDOM),         N(MADV_SEQUENTIAL), N(MADV_WILLNEED),
	N(MADV_DONTNEED),      N(MADV_FREE),           N(MADV_REMOVE),     N(MADV_DONTFORK),
	N(MADV_DOFORK),        N(MADV_HUGEPAGE),       N(MADV_NOHUGEPAGE), N(MADV_DONTDUMP),
	N(MADV_DODUMP),        N(MADV_WIPEONFORK),     N(MADV_COLD),       N(MADV_PAGEOUT),
	N(MADV_POPULATE_READ), N(MADV_POPULATE_WRITE),
};
static const struct name sighow[] = { N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK) };
static const struct name clocks[] = {
	N(CLOCK_REALTIME),          N(CLOCK_MONOTONIC),     N(CLOCK_PROCESS_CPUTIME_ID),
	N(CLOCK_THREAD_CPUTIME_ID), N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE),
	N(CLOCK_MONOTONIC_COARSE),  N(CLOCK_BOOTTIME),      N(CLOCK_REALTIME_ALARM),
	N(CLOCK_BOOTTIME_ALARM),    N(CLOCK_TAI),
};
static const struct name timer_flags[] = { N(TIMER_ABSTIME) };
static const struct name futex_ops[] = {
	N(FUTEX_WAIT),
	N(FUTEX_WAKE),
	N(FUTEX_REQUEUE),
	N(FUTEX_CMP_REQUEUE),
	N(FUTEX_WAKE_OP),
	N(FUTEX_LOCK_PI),
	N(FUTEX_UNLOCK_PI),
	N(FUTEX_TRYLOCK_PI),
	N(FUTEX_WAIT_BITSET),
	N(FUTEX_WAKE_BITSET),
	N(FUTEX_WAIT_REQUEUE_PI),
	N(FUTEX_CMP_REQUEUE_PI),
	N(FUTEX_LOCK_PI2),
};
static const struct name clone_flags[] = {
	N(CLONE_VM),
	N(CLONE_FS),
	N(CLONE_FILES),
	N(CLONE_SIGHAND),
	N(CLONE_PIDFD),
	N(CLONE_PTRACE),
	N(CLONE_VFORK),
	N(CLONE_PARENT),
	N(CLONE_THREAD),
	N(CLONE_NEWNS),
	N(CLONE_SYSVSEM),
	N(CLONE_SETTLS),
	N(CLONE_PARENT_SETTID),
	N(CLONE_CHILD_CLEARTID),
	N(CLONE_CHILD_SETTID),
	N(CLONE_DETACHED),
	N(CLONE_UNTRACED),
	N(CLONE_IO),
	N(CLONE_NEWCGROUP),
	N(CLONE_NEWUTS),
	N(CLONE_NEWIPC),
	N(CLONE_NEWUSER),
	N(CLONE_NEWPID),
	N(CLONE_NEWNET),
};
static const struct name whence[] = { { 0, "SEEK_SET" },
				      { 1, "SEEK_CUR" },
				      { 2, "SEEK_END" },
				      { 3, "SEEK_DATA" },
				      { 4, "SEEK_HOLE" } };
static const struct name at_flags[] = { N(AT_SYMLINK_NOFOLLOW), N(AT_REMOVEDIR),
					N(AT_SYMLINK_FOLLOW),   N(AT_NO_AUTOMOUNT),
					N(AT_EMPTY_PATH),       N(AT_STATX_FORCE_SYNC),
					N(AT_STATX_DONT_SYNC) };
static const struct name access_modes[] = { { 4, "R_OK" }, { 2, "W_OK" }, { 1, "X_OK" } };
static const struct name fcntls[] = {
	N(F_DUPFD),         N(F_GETFD),      N(F_SETFD),      N(F_GETFL),     N(F_SETFL),
	N(F_GETLK),         N(F_SETLK),      N(F_SETLKW),     N(F_SETOWN),    N(F_GETOWN),
	N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ), N(F_ADD_SEALS), N(F_GET_SEALS),
	N(F_OFD_GETLK),     N(F_OFD_SETLK),  N(F_OFD_SETLKW),
};
static const struct name ioctls[] = {
	N(TCGETS),    N(TCSETS),     N(TCSETSW),     N(TCSETSF), N(TIOCGWINSZ), N(TIOCSWINSZ),
	N(TIOCGPGRP), N(TIOCSPGRP),  N(FIONREAD),    N(FIONBIO), N(FIOCLEX),    N(FIONCLEX),
	N(TIOCGPTN),  N(TIOCSPTLCK), N(TIOCGPTPEER), N(TIOCPKT), N(TIOCSCTTY),  N(TIOCNOTTY),
	N(TIOCGSID),  N(TCFLSH),     N(TCXONC),      N(TCSBRK),  N(TIOCOUTQ),   N(TIOCSTI),
};
static const struct name resources[] = {
	N(RLIMIT_CPU),      N(RLIMIT_FSIZE), N(RLIMIT_DATA),   N(RLIMIT_STACK),
	N(RLIMIT_CORE),     N(RLIMIT_RSS),   N(RLIMIT_NPROC),  N(RLIMIT_NOFILE),
	N(RLIMIT_MEMLOCK),  N(RLIMIT_AS),    N(RLIMIT_LOCKS),  N(RLIMIT_SIGPENDING),
	N(RLIMIT_MSGQUEUE), N(RLIMIT_NICE),  N(RLIMIT_RTPRIO), N(RLIMIT_RTTIME),
};
static const struct name rusage_who[] = { N(RUSAGE_SELF),
					  { (unsigned long)-1, "RUSAGE_CHILDREN" },
					  N(RUSAGE_THREAD) };
static const struct name prctls[] = {
	N(PR_SET_PDEATHSIG),
	N(PR_GET_PDEATHSIG),
	N(PR_GET_DUMPABLE),
	N(PR_SET_DUMPABLE),
	N(PR_GET_KEEPCAPS),
	N(PR_SET_KEEPCAPS),
	N(PR_SET_NAME),
	N(PR_GET_NAME),
	N(PR_GET_SECCOMP),
	N(PR_SET_SECCOMP),
	N(PR_CAPBSET_READ),
	N(PR_CAPBSET_DROP),
	N(PR_GET_SECUREBITS),
	N(PR_SET_SECUREBITS),
	N(PR_SET_TIMERSLACK),
	N(PR_GET_TIMERSLACK),
	N(PR_SET_CHILD_SUBREAPER),
	N(PR_SET_NO_NEW_PRIVS),
	N(PR_GET_NO_NEW_PRIVS),
	N(PR_CAP_AMBIENT),
	N(PR_SET_VMA),
	N(PR_GET_THP_DISABLE),
	N(PR_SET_THP_DISABLE),
};
static const struct name arch_prctls[] = { N(ARCH_SET_GS),
					   N(ARCH_SET_FS),
					   N(ARCH_GET_FS),
					   N(ARCH_GET_GS),
					   { 0x3001, "0x3001 /* ARCH_??? */" } };
static const struct name epoll_ops[] = { N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD) };
static const struct name random_flags[] = { N(GRND_NONBLOCK), N(GRND_RANDOM), N(GRND_INSECURE) };
static const struct name policies[] = { { 0, "SCHED_OTHER" },
					{ 1, "SCHED_FIFO" },
					{ 2, "SCHED_RR" },
					{ 3, "SCHED_BATCH" },
					{ 5, "SCHED_IDLE" } };

static const struct name wait_options[] = { N(WNOHANG),           N(WSTOPPED),
					    N(WEXITED),           N(WCONTINUED),
					    N(WNOWAIT),           { __WNOTHREAD, "__WNOTHREAD" },
					    { __WALL, "__WALL" }, { __WCLONE, "__WCLONE" } };
static const struct name wait_which[] = { N(P_ALL), N(P_PID), N(P_PGID), N(P_PIDFD) };

struct kind {
	const struct name *names;
	unsigned nr;
	bool is_set;
	const char *empty;
};

#define SET(type, table, none) [ARG_##type] = { table, ARRAY_SIZE(table), true, none }
#define ONE(type, table)       [ARG_##type] = { table, ARRAY_SIZE(table), false, NULL }

static const struct kind kinds[] = {
	SET(OPEN_FLAGS, open_flags, ""),
	SET(PROT, prot, "PROT_NONE"),
	SET(MAP_FLAGS, map_flags, ""),
	SET(MREMAP_FLAGS, mremap_flags, "0"),
	SET(MSYNC_FLAGS, msync_flags, "0"),
	ONE(MADVICE, madvice),
	ONE(SIGHOW, sighow),
	ONE(CLOCK, clocks),
	SET(TIMER_FLAGS, timer_flags, "0"),
	ONE(FUTEX_OP, futex_ops),
	SET(CLONE_FLAGS, clone_flags, "0"),
	ONE(WHENCE, whence),
	SET(AT_FLAGS, at_flags, "0"),
	SET(ACCESS, access_modes, "F_OK"),
	ONE(FCNTL, fcntls),
	ONE(IOCTL, ioctls),
	ONE(RESOURCE, resources),
	ONE(RUSAGE_WHO, rusage_who),
	ONE(PRCTL, prctls),
	ONE(ARCH_PRCTL, arch_prctls),
	ONE(EPOLL_OP, epoll_ops),
	SET(GETRANDOM_FLAGS, random_flags, "0"),
	ONE(POLICY, policies),
	SET(WAIT_OPTIONS, wait_options, "0"),
	ONE(WAIT_WHICH, wait_which),
	SET(CLOEXEC_FLAGS, open_flags, "0"),
};

static size_t add(char *buf, size_t size, size_t len, const char *text)
{
	if (len >= size)
		return len;
	return len + (size_t)fmt(buf + len, size - len, "%s%s", len != 0 ? "|" : "", text);
}

static size_t show_set(char *buf, size_t size, const struct kind *k, unsigned long value,
		       size_t len)
{
	char rest[24];

	for (unsigned i = 0; i < k->nr; i++) {
		const struct name *n = &k->names[i];

		if (n->value == 0 || (value & n->value) != n->value)
			continue;
		len = add(buf, size, len, n->text);
		value &= ~n->value;
	}
	if (value != 0) {
		fmt(rest, sizeof(rest), "%#lx", value);
		len = add(buf, size, len, rest);
	}
	return len != 0 ? len : add(buf, size, 0, k->empty);
}

static size_t show_one(char *buf, size_t size, const struct kind *k, unsigned long value)
{
	for (unsigned i = 0; i < k->nr; i++) {
		if ((int)k->names[i].value == (int)value)
			return add(buf, size, 0, k->names[i].text);
	}
	return (size_t)fmt(buf, size, "%#lx", value);
}

size_t strace_flags(char *buf, size_t size, enum syscall_arg type, unsigned long value)
{
	static const char *const access_of[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
	static const char *const map_of[] = { "0", "MAP_SHARED", "MAP_PRIVATE",
					      "MAP_SHARED_VALIDATE" };
	const struct kind *k = type < ARRAY_SIZE(kinds) ? &kinds[type] : NULL;
	size_t len = 0;

	if (k == NULL || k->names == NULL)
		return 0;
	if (type == ARG_OPEN_FLAGS)
		len = add(buf, size, 0, access_of[value & O_ACCMODE]);
	if (type == ARG_MAP_FLAGS)
		len = add(buf, size, 0, map_of[value & 3]);
	if (type == ARG_OPEN_FLAGS || type == ARG_MAP_FLAGS)
		value &= ~3ul;
	if (type == ARG_CLONE_FLAGS && (value & CSIGNAL) != 0) {
		if ((value & ~(unsigned long)CSIGNAL) != 0)
			len = show_set(buf, size, k, value & ~(unsigned long)CSIGNAL, 0);
		return add(buf, size, len, signal_name((int)(value & CSIGNAL)));
	}
	if (type == ARG_FUTEX_OP) {
		len = show_one(buf, size, k, value & FUTEX_CMD_MASK);
		if ((value & FUTEX_PRIVATE_FLAG) != 0)
			len += (size_t)fmt(buf + len, size - len, "_PRIVATE");
		if ((value & FUTEX_CLOCK_REALTIME) != 0)
			len = add(buf, size, len, "FUTEX_CLOCK_REALTIME");
		return len;
	}
	return k->is_set ? show_set(buf, size, k, value, len) : show_one(buf, size, k, value);
}
