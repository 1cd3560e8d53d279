/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What seccomp(2) refuses: operations, flags, programs that are not valid or not for system calls,
 * chains that grow too long, and callers without the right (EACCES).
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "child.h"

#define S(code, k)         ((struct sock_filter)BPF_STMT(code, k))
#define J(code, k, jt, jf) ((struct sock_filter)BPF_JUMP(code, k, jt, jf))
#define ALLOW              S(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define NR(a)              (sizeof(a) / sizeof((a)[0]))

static long set_program(const struct sock_filter *f, size_t nr)
{
	const struct sock_fprog p = { (unsigned short)nr, (struct sock_filter *)f };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p);
}

/* May an instruction stand before `ret ALLOW`: 0, or errno. In a child, which it may bind. */
static int try_pair(void *arg)
{
	const struct sock_filter f[] = { *(struct sock_filter *)arg, ALLOW };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return set_program(f, 2) ? errno : 0;
}

static int pair(struct sock_filter i)
{
	return child_run(try_pair, &i);
}

static void test_instructions(void)
{
	CHECK_EQ(pair(S(BPF_LD | BPF_W | BPF_ABS, 60)), 0);
	CHECK_EQ(pair(S(BPF_LD | BPF_W | BPF_ABS, 64)), EINVAL);
	CHECK_EQ(pair(S(BPF_LD | BPF_W | BPF_ABS, 2)), EINVAL);
	CHECK_EQ(pair(S(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF)), EINVAL);
	CHECK_EQ(pair(S(BPF_LD | BPF_H | BPF_ABS, 0)), EINVAL);
	CHECK_EQ(pair(S(BPF_LD | BPF_B | BPF_ABS, 0)), EINVAL);
	CHECK_EQ(pair(S(BPF_LD | BPF_W | BPF_IND, 0)), EINVAL);
	CHECK_EQ(pair(S(BPF_LDX | BPF_B | BPF_MSH, 0)), EINVAL);
	CHECK_EQ(pair(S(BPF_LD | BPF_W | BPF_LEN, 0)), 0);
	CHECK_EQ(pair(S(BPF_LDX | BPF_W | BPF_LEN, 0)), 0);
	CHECK_EQ(pair(S(BPF_LD | BPF_MEM, 0)), EINVAL); /* nothing was written there */
	CHECK_EQ(pair(S(BPF_ST, 15)), 0);
	CHECK_EQ(pair(S(BPF_ST, 16)), EINVAL);
	CHECK_EQ(pair(S(BPF_STX, 16)), EINVAL);
	CHECK_EQ(pair(S(BPF_ALU | BPF_DIV | BPF_K, 0)), EINVAL);
	CHECK_EQ(pair(S(BPF_ALU | BPF_DIV | BPF_K, 1)), 0);
	CHECK_EQ(pair(S(BPF_ALU | BPF_MOD | BPF_K, 1)), EINVAL);
	CHECK_EQ(pair(S(BPF_ALU | BPF_LSH | BPF_K, 31)), 0);
	CHECK_EQ(pair(S(BPF_ALU | BPF_LSH | BPF_K, 32)), EINVAL);
	CHECK_EQ(pair(S(BPF_ALU | BPF_XOR | BPF_X, 0)), 0);
	CHECK_EQ(pair(S(BPF_ALU | 0xb0, 0)), EINVAL);
	CHECK_EQ(pair(S(BPF_JMP | BPF_JA, 0)), 0);
	CHECK_EQ(pair(S(BPF_JMP | BPF_JA, 1)), EINVAL);
	CHECK_EQ(pair(S(BPF_JMP | BPF_JA, (uint32_t)-1)), EINVAL);
	CHECK_EQ(pair(J(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0)), 0);
	CHECK_EQ(pair(J(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0)), EINVAL);
	CHECK_EQ(pair(J(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1)), EINVAL);
	CHECK_EQ(pair(S(BPF_JMP | 0x50, 0)), EINVAL);
	CHECK_EQ(pair(S(BPF_RET | BPF_A, 0)), 1000 + SIGSYS); /* A is 0: it was taken, and kills */
	CHECK_EQ(pair(S(BPF_RET | BPF_X, 0)), EINVAL);
	CHECK_EQ(pair(S(BPF_MISC | BPF_TXA, 0)), 0);
	CHECK_EQ(pair(S(0xffff, 0)), EINVAL);
	CHECK_EQ(pair(S(0x100, 0)), EINVAL);
}

static int try_memory(void *written_on_both)
{
	const struct sock_filter f[] = {
		S(BPF_LD | BPF_IMM, 1),
		J(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 2),
		S(BPF_ST, 3),
		S(BPF_JMP | BPF_JA, 1),
		written_on_both != NULL ? S(BPF_ST, 3) : S(BPF_ST, 4),
		S(BPF_LD | BPF_MEM, 3),
		ALLOW,
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return set_program(f, NR(f)) ? errno : 0;
}

static int try_ends(void *unused)
{
	const struct sock_filter f[] = { ALLOW, S(BPF_ALU | BPF_NEG, 0) };
	const struct sock_fprog nowhere = { 1, (struct sock_filter *)8 };
	static struct sock_filter many[BPF_MAXINSNS + 1];

	(void)unused;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (set_program(f, 2) != -1 || errno != EINVAL)
		return 1; /* it does not return */
	if (set_program(f, 0) != -1 || errno != EINVAL)
		return 2;
	for (unsigned i = 0; i <= BPF_MAXINSNS; i++)
		many[i] = ALLOW;
	if (set_program(many, BPF_MAXINSNS + 1) != -1 || errno != EINVAL)
		return 3;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 8) != -1 || errno != EFAULT)
		return 4;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &nowhere) != -1 || errno != EFAULT)
		return 5;
	for (int i = 0; i < 10; i++) { /* 32,768 in all, of the kernel's own instructions */
		if (set_program(many, BPF_MAXINSNS))
			return i >= 3 && errno == ENOMEM ? 0 : 6;
	}
	return 7;
}

static int as_user(void *unused)
{
	const struct sock_filter f[] = { ALLOW };
	const struct sock_fprog p = { 1, (struct sock_filter *)f };

	(void)unused;
	if (setgid(2000) || setuid(2000))
		return 77;
	if (set_program(f, 1) != -1 || errno != EACCES)
		return 1;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) != -1 || errno != EACCES)
		return 2;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) ? 3 : 0;
}

static void test_programs(void)
{
	static int yes;
	int result;

	CHECK_EQ(child_run(try_memory, &yes), 0);
	CHECK_EQ(child_run(try_memory, NULL), EINVAL);
	CHECK_EQ(child_run(try_ends, NULL), 0);
	result = child_run(as_user, NULL);
	CHECK(result == 0 || result == 77);
}

static long seccomp_(unsigned op, unsigned long flags, const void *args)
{
	return syscall(SYS_seccomp, op, flags, args);
}

static bool is_available(uint32_t action)
{
	return seccomp_(SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static void test_calls(void)
{
	struct seccomp_notif_sizes sizes;
	uint32_t action = 0x12340000;

	CHECK_ERR(seccomp_(99, 0, NULL), EINVAL);
	CHECK_ERR(seccomp_(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
	CHECK_ERR(seccomp_(SECCOMP_SET_MODE_STRICT, 0, &action), EINVAL);
	CHECK_ERR(seccomp_(SECCOMP_SET_MODE_FILTER, 1ul << 20, &action), EINVAL);
	CHECK_ERR(seccomp_(SECCOMP_GET_ACTION_AVAIL, 1, &action), EINVAL);
	CHECK_ERR(seccomp_(SECCOMP_GET_ACTION_AVAIL, 0, (void *)8), EFAULT);
	CHECK_ERR(seccomp_(SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP);
	CHECK(is_available(SECCOMP_RET_KILL_PROCESS));
	CHECK(is_available(SECCOMP_RET_KILL_THREAD));
	CHECK(is_available(SECCOMP_RET_TRAP));
	CHECK(is_available(SECCOMP_RET_ERRNO));
	CHECK(is_available(SECCOMP_RET_TRACE));
	CHECK(is_available(SECCOMP_RET_LOG));
	CHECK(is_available(SECCOMP_RET_ALLOW));
	CHECK_ERR(seccomp_(SECCOMP_GET_NOTIF_SIZES, 1, &sizes), EINVAL);
	CHECK_ERR(seccomp_(SECCOMP_GET_NOTIF_SIZES, 0, (void *)8), EFAULT);
	CHECK_EQ(seccomp_(SECCOMP_GET_NOTIF_SIZES, 0, &sizes), 0);
	CHECK_EQ(sizes.seccomp_data, sizeof(struct seccomp_data));
	CHECK_EQ(prctl(PR_GET_SECCOMP), 0);
	CHECK_ERR(prctl(PR_SET_SECCOMP, 99), EINVAL);
	CHECK_ERR(prctl(PR_SET_SECCOMP, SECCOMP_MODE_DISABLED), EINVAL);
}

int main(void)
{
	test_calls();
	test_instructions();
	test_programs();
	return check_done();
}
