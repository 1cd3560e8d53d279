/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sigaltstack(2): handlers on the alternate stack, SS_ONSTACK, SS_AUTODISARM,
	 and siglongjmp out of one.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include "check.h"

static char area[65536];
static volatile int on_alternate, flags_inside, change_refused;
static sigjmp_buf back;

static void look(int sig)
{
	volatile char here;
	stack_t now, other = { .ss_sp = area, .ss_size = sizeof(area) };

	(void)sig;
	on_alternate = (uintptr_t)&here - (uintptr_t)area < sizeof(area);
	sigaltstack(NULL, &now);
	flags_inside = now.ss_flags;
	change_refused = sigaltstack(&other, NULL) == -1 && errno == EPERM;
}

static void leave(int sig)
{
	look(sig);
	siglongjmp(back, 7);
}

static void install(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	sigaction(sig, &sa, NULL);
}

static void test_basic(void)
{
	stack_t stack = { .ss_sp = area, .ss_size = sizeof(area) }, old;

	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	install(SIGUSR1, look, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(on_alternate);
	CHECK_EQ(flags_inside, SS_ONSTACK);
	CHECK(change_refused);
	sigaltstack(NULL, &old);
	CHECK_EQ(old.ss_flags, 0);
	CHECK(old.ss_sp == area);
	install(SIGUSR1, look, 0);
	raise(SIGUSR1);
	CHECK(!on_alternate);
}

static void test_longjmp(void)
{
	sigset_t now;
	int value;

	install(SIGUSR1, leave, SA_ONSTACK);
	for (int i = 0; i < 100; i++) {
		value = sigsetjmp(back, 1);
		if (!value)
			raise(SIGUSR1);
		if (value != 7)
			break;
	}
	CHECK_EQ(value, 7);
	CHECK(on_alternate);
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK(!sigismember(&now, SIGUSR1));
}

static void test_autodisarm(void)
{
	stack_t stack = { .ss_sp = area, .ss_size = sizeof(area), .ss_flags = (int)(1u << 31) },
		now;

	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	install(SIGUSR1, look, SA_ONSTACK);
	change_refused = 1;
	raise(SIGUSR1);
	CHECK(on_alternate);
	CHECK_EQ(flags_inside, SS_DISABLE);
	CHECK(!change_refused);
	sigaltstack(NULL, &now);
	CHECK(now.ss_sp == area);
}

static void test_errors(void)
{
	stack_t small = { .ss_sp = area, .ss_size = 1024 },
		flags = { .ss_sp = area, .ss_flags = 0x10 };
	stack_t disable = { .ss_flags = SS_DISABLE }, now;

	flags.ss_size = sizeof(area);
	CHECK_ERR(sigaltstack(&small, NULL), ENOMEM);
	CHECK_ERR(sigaltstack(&flags, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_sigaltstack, 1, NULL), EFAULT);
	CHECK_EQ(sigaltstack(&disable, NULL), 0);
	sigaltstack(NULL, &now);
	CHECK_EQ(now.ss_flags, SS_DISABLE);
}

int main(void)
{
	test_basic();
	test_longjmp();
	test_autodisarm();
	test_errors();
	return check_done();
}
