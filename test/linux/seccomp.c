/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp(2) and prctl(2) PR_SET_SECCOMP: strict mode, filters and every verdict of theirs, chains,
 * inheritance by fork, threads and exec, TSYNC, and who may.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include "child.h"

#define LOAD(field)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(value)    BPF_STMT(BPF_RET | BPF_K, (value))
/* The next instruction is for this call only. */
#define IF_CALL(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1)

#define NR(a) (sizeof(a) / sizeof((a)[0]))

static long set_filter(unsigned long flags, const struct sock_filter *f, size_t nr)
{
	const struct sock_fprog p = { (unsigned short)nr, (struct sock_filter *)f };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}

/* One call gets a verdict, all others go on. */
static long forbid(long nr, uint32_t verdict, unsigned long flags)
{
	const struct sock_filter f[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
		RET(verdict),
		RET(SECCOMP_RET_ALLOW),
	};

	return set_filter(flags, f, NR(f));
}

static void allow_it(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* The number in a line of /proc/self/status. */
static int status_number(const char *name)
{
	char line[200];
	int value = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = atoi(line + strlen(name) + 1);
	}
	if (f != NULL)
		fclose(f);
	return value;
}

/* ---- verdicts ---- */

static int gets_errno(void *unused)
{
	(void)unused;
	allow_it();
	if (forbid(SYS_getppid, SECCOMP_RET_ERRNO | 77, 0))
		return 1;
	for (int i = 0; i < 100; i++) { /* also once the site is known to be hot */
		errno = 0;
		if (syscall(SYS_getppid) != -1 || errno != 77)
			return 2;
	}
	if (prctl(PR_GET_SECCOMP) != 2 || status_number("Seccomp") != 2)
		return 3;
	if (status_number("Seccomp_filters") != 1 || status_number("NoNewPrivs") != 1)
		return 4;
	/* A second program: the stricter answer counts, and of equals the newer one's. */
	if (forbid(SYS_getppid, SECCOMP_RET_ERRNO | 78, 0))
		return 5;
	if (syscall(SYS_getppid) != -1 || errno != 78)
		return 6;
	if (forbid(SYS_getppid, SECCOMP_RET_LOG, 0) || syscall(SYS_getppid) != -1)
		return 7;
	if (status_number("Seccomp_filters") != 3)
		return 8;
	return 0;
}

static int gets_zero_errno(void *unused)
{
	(void)unused;
	allow_it();
	if (forbid(SYS_getppid, SECCOMP_RET_ERRNO, 0) || syscall(SYS_getppid) != 0)
		return 1;
	/* More than an errno can be is cut. */
	if (forbid(SYS_getpgrp, SECCOMP_RET_ERRNO | 0xffff, 0))
		return 2;
	return syscall(SYS_getpgrp) == -1 && errno == 4095 ? 0 : 3;
}

static int is_killed(void *action)
{
	allow_it();
	if (forbid(SYS_getppid, *(uint32_t *)action, 0))
		return 1;
	signal(SIGSYS, SIG_IGN);
	syscall(SYS_getppid);
	return 2;
}

static int is_traced(void *unused)
{
	(void)unused;
	allow_it();
	if (forbid(SYS_getppid, SECCOMP_RET_TRACE | 5, 0))
		return 1;
	if (syscall(SYS_getppid) != -1 || errno != ENOSYS)
		return 2; /* nobody traces */
	if (forbid(SYS_getpgrp, SECCOMP_RET_USER_NOTIF, 0))
		return 3;
	if (syscall(SYS_getpgrp) != -1 || errno != ENOSYS)
		return 4;
	if (forbid(SYS_getuid, SECCOMP_RET_LOG, SECCOMP_FILTER_FLAG_LOG))
		return 5;
	return syscall(SYS_getuid) == getuid() ? 0 : 6;
}

static siginfo_t got;
static greg_t call_in_frame;

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)sig;
	got = *info;
	call_in_frame = u->uc_mcontext.gregs[REG_RAX];
	u->uc_mcontext.gregs[REG_RAX] = 4321;
}

static int is_trapped(void *unused)
{
	struct sigaction a = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };

	(void)unused;
	allow_it();
	sigaction(SIGSYS, &a, NULL);
	if (forbid(SYS_getppid, SECCOMP_RET_TRAP | 99, 0))
		return 1;
	if (syscall(SYS_getppid) != 4321)
		return 2;
	if (call_in_frame != SYS_getppid)
		return 3;
	if (got.si_signo != SIGSYS || got.si_code != 1 || got.si_errno != 99)
		return 4;
	if (got.si_syscall != SYS_getppid || got.si_arch != AUDIT_ARCH_X86_64 ||
	    got.si_call_addr == NULL)
		return 5;
	for (int i = 0; i < 50; i++) {
		if (syscall(SYS_getppid) != 4321)
			return 6;
	}
	signal(SIGSYS, SIG_DFL);
	syscall(SYS_getppid);
	return 7;
}

static void test_verdicts(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	CHECK_EQ(child_run(gets_errno, NULL), 0);
	CHECK_EQ(child_run(gets_zero_errno, NULL), 0);
	CHECK_EQ(child_run(is_killed, &action), 1000 + SIGSYS);
	action = SECCOMP_RET_KILL_THREAD;
	CHECK_EQ(child_run(is_killed, &action), 1000 + SIGSYS);
	action = 0x12340000; /* none that there is */
	CHECK_EQ(child_run(is_killed, &action), 1000 + SIGSYS);
	CHECK_EQ(child_run(is_traced, NULL), 0);
	CHECK_EQ(child_run(is_trapped, NULL), 1000 + SIGSYS);
}

/* ---- what a filter sees ---- */

static int sees_arguments(void *unused)
{
	const uint64_t high = 0x123456789abcdef0;
	const struct sock_filter f[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 12),
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 11),
		LOAD(args[0]),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)high, 0, 9),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high >> 32, 0, 7),
		LOAD(args[5]),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sizeof(struct seccomp_data), 0, 3),
		LOAD(instruction_pointer),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		RET(SECCOMP_RET_ALLOW),
		RET(SECCOMP_RET_ERRNO | 5),
	};

	(void)unused;
	allow_it();
	if (set_filter(0, f, NR(f)))
		return 1;
	if (syscall(SYS_getppid, high, 2, 3, 4, 5, 6) <= 0)
		return 2;
	if (syscall(SYS_getppid, high, 2, 3, 4, 5, 7) != -1 || errno != 5)
		return 3;
	return syscall(SYS_getppid, high + 1, 2, 3, 4, 5, 6) == -1 ? 0 : 4;
}

/* Answers with an errno that the whole machine computed. */
static int computes(void *unused)
{
	const struct sock_filter f[] = {
		LOAD(nr),
		IF_CALL(getppid),
		BPF_STMT(BPF_JMP | BPF_JA, 1),
		RET(SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_IMM, 7),
		BPF_STMT(BPF_LDX | BPF_IMM, 3),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), /* 10 */
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 2), /* 20 */
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 1), /* 21 */
		BPF_STMT(BPF_ST, 4),
		BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 4), /* 17 */
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), /* 5 */
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_MEM, 4),          /* 21 */
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0), /* 672 */
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 3), /* 84 */
		BPF_STMT(BPF_STX, 15),
		BPF_STMT(BPF_ALU | BPF_NEG, 0),
		BPF_STMT(BPF_ALU | BPF_NEG, 0),
		BPF_STMT(BPF_LDX | BPF_MEM, 15),           /* 5 */
		BPF_STMT(BPF_ALU | BPF_OR | BPF_X, 0),     /* 85 */
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x5f), /* 85 */
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 85, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_X, 0, 0, 3),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 2, 2, 0),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0),
		RET(SECCOMP_RET_KILL_PROCESS),
	};

	(void)unused;
	allow_it();
	if (set_filter(0, f, NR(f)))
		return 1;
	return syscall(SYS_getppid) == -1 ? errno : 2;
}

/* A division by zero ends a program with 0, which kills. */
static int divides_by_zero(void *unused)
{
	const struct sock_filter f[] = {
		LOAD(nr),
		IF_CALL(getppid),
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
		RET(SECCOMP_RET_ALLOW),
	};

	(void)unused;
	allow_it();
	if (set_filter(0, f, NR(f)))
		return 1;
	syscall(SYS_getppid);
	return 2;
}

static void test_programs(void)
{
	CHECK_EQ(child_run(sees_arguments, NULL), 0);
	CHECK_EQ(child_run(computes, NULL), 85);
	CHECK_EQ(child_run(divides_by_zero, NULL), 1000 + SIGSYS);
}

/* ---- strict ---- */

static int is_strict(void *allowed)
{
	int p[2];
	char c = 'x';

	if (pipe(p) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 1;
	if (write(p[1], &c, 1) != 1 || read(p[0], &c, 1) != 1)
		syscall(SYS_exit, 2);
	if (allowed != NULL)
		syscall(SYS_exit, 3);
	getppid();
	return 4;
}

static int is_strict_twice(void *unused)
{
	const struct sock_filter f[] = { RET(SECCOMP_RET_ALLOW) };
	long err;

	(void)unused;
	allow_it();
	if (set_filter(0, f, 1))
		return 1;
	err = syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);
	return err == -1 && errno == EINVAL ? 0 : 2;
}

static void test_strict(void)
{
	static int yes;

	CHECK_EQ(child_run(is_strict, &yes), 3);
	CHECK_EQ(child_run(is_strict, NULL), 1000 + SIGKILL);
	CHECK_EQ(child_run(is_strict_twice, NULL), 0);
}

/* ---- inheritance ---- */

static int asks(void *unused)
{
	(void)unused;
	return syscall(SYS_getppid) == -1 ? errno : 1;
}

static void *asks_in_thread(void *unused)
{
	return (void *)(intptr_t)asks(unused);
}

static int in_thread(void)
{
	pthread_t t;
	void *result;

	pthread_create(&t, NULL, asks_in_thread, NULL);
	pthread_join(t, &result);
	return (int)(intptr_t)result;
}

static int hands_on(void *unused)
{
	(void)unused;
	allow_it();
	if (forbid(SYS_getppid, SECCOMP_RET_ERRNO | 70, 0))
		return 1;
	if (child_run(asks, NULL) != 70)
		return 2;
	if (in_thread() != 70)
		return 3;
	execl("/proc/self/exe", "seccomp", "after-exec", NULL);
	return 4;
}

/* ---- threads ---- */

static _Atomic int ready, go;

static void *waits_and_asks(void *own)
{
	if (own != NULL)
		forbid(SYS_getpgrp, SECCOMP_RET_ERRNO | 1, 0);
	ready = 1;
	while (go == 0)
		child_pause_ms(1);
	return (void *)(intptr_t)(asks(NULL) * 10 + (int)prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

/* Sets a filter while another thread runs; what that one gets, times ten, and its no_new_privs. */
static int with_thread(unsigned long flags, bool own, long *result)
{
	static int yes;
	pthread_t t;
	void *answer;

	ready = go = 0;
	pthread_create(&t, NULL, waits_and_asks, own ? &yes : NULL);
	while (ready == 0)
		child_pause_ms(1);
	allow_it();
	*result = forbid(SYS_getppid, SECCOMP_RET_ERRNO | 12, flags);
	go = 1;
	pthread_join(t, &answer);
	return (int)(intptr_t)answer;
}

static int brings_along(void *unused)
{
	long result;

	(void)unused;
	if (with_thread(SECCOMP_FILTER_FLAG_TSYNC, false, &result) != 121 || result != 0)
		return 1;
	return status_number("Seccomp_filters") == 1 && asks(NULL) == 12 ? 0 : 2;
}

static int leaves_alone(void *unused)
{
	long result;

	(void)unused;
	return with_thread(0, false, &result) == 10 && result == 0 && asks(NULL) == 12 ? 0 : 1;
}

static int cannot_bring(void *unused)
{
	long result;

	(void)unused;
	allow_it(); /* the thread sets one of its own */
	if (with_thread(SECCOMP_FILTER_FLAG_TSYNC, true, &result) != 11 || result <= 0)
		return 1;
	if (asks(NULL) != 1)
		return 2; /* nothing was set */
	with_thread(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, true, &result);
	return result == -1 ? 0 : 3;
}

static void *is_killed_alone(void *unused)
{
	syscall(SYS_getppid);
	return unused;
}

static int loses_a_thread(void *unused)
{
	pthread_t t;

	(void)unused;
	allow_it();
	if (forbid(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0))
		return 1;
	pthread_create(&t, NULL, is_killed_alone, NULL);
	pthread_join(t, NULL); /* the kernel tells of its end */
	return 33;
}

static void test_inheritance(void)
{
	CHECK_EQ(child_run(hands_on, NULL), 70);
	CHECK_EQ(child_run(brings_along, NULL), 0);
	CHECK_EQ(child_run(leaves_alone, NULL), 0);
	CHECK_EQ(child_run(cannot_bring, NULL), 0);
	CHECK_EQ(child_run(loses_a_thread, NULL), 33);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "after-exec"))
		return asks(NULL);
	test_verdicts();
	test_programs();
	test_strict();
	test_inheritance();
	return check_done();
}
