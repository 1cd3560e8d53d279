/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sigaction(2) and handler delivery: siginfo of a kill to self, masks while a handler runs,
	 SA_NODEFER,
 * SA_RESETHAND, nesting, ignored signals, and what cannot be caught.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include "child.h"

static volatile sig_atomic_t nr_calls, depth, deepest, last_signal, blocked_inside, order[4];
static siginfo_t last_info;

static void count(int sig)
{
	sigset_t mask;

	nr_calls++;
	last_signal = sig;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	blocked_inside = sigismember(&mask, SIGUSR1) + 2 * sigismember(&mask, SIGUSR2);
}

static void keep_info(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	last_info = *info;
	nr_calls++;
}

static void nest(int sig)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (depth < 3)
		raise(sig);
	depth--;
}

static void install(int sig, void (*handler)(int), int flags, int also_block)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	if (also_block)
		sigaddset(&sa.sa_mask, also_block);
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static void test_plain(void)
{
	struct sigaction old;

	install(SIGUSR1, count, 0, SIGUSR2);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(nr_calls, 1);
	CHECK_EQ(last_signal, SIGUSR1);
	CHECK_EQ(blocked_inside, 3);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &old), 0);
	CHECK(old.sa_handler == count);
	CHECK(sigismember(&old.sa_mask, SIGUSR2));
	sigprocmask(SIG_SETMASK, NULL, &old.sa_mask);
	CHECK(!sigismember(&old.sa_mask, SIGUSR1));
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(nr_calls, 2);
	CHECK_EQ(kill(getpid(), 0), 0);
	CHECK_EQ(nr_calls, 2);
}

static void test_siginfo(void)
{
	struct sigaction sa = { .sa_sigaction = keep_info, .sa_flags = SA_SIGINFO };
	union sigval value = { .sival_int = 1234 };

	sigaction(SIGUSR2, &sa, NULL);
	kill(getpid(), SIGUSR2);
	CHECK_EQ(last_info.si_signo, SIGUSR2);
	CHECK_EQ(last_info.si_code, SI_USER);
	CHECK_EQ(last_info.si_pid, getpid());
	CHECK_EQ(last_info.si_uid, getuid());
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
	CHECK_EQ(last_info.si_code, SI_TKILL);
	CHECK_EQ(sigqueue(getpid(), SIGUSR2, value), 0);
	CHECK_EQ(last_info.si_code, SI_QUEUE);
	CHECK_EQ(last_info.si_value.sival_int, 1234);
}

static void test_nodefer_and_resethand(void)
{
	struct sigaction old;

	install(SIGUSR1, nest, SA_NODEFER, 0);
	raise(SIGUSR1);
	CHECK_EQ(deepest, 3);
	deepest = 0;
	install(SIGUSR1, nest, 0, 0);
	depth = 2; /* one call, no recursion: the signal is blocked inside */
	raise(SIGUSR1);
	CHECK_EQ(deepest, 3);
	depth = 0;
	install(SIGUSR1, count, SA_RESETHAND, 0);
	nr_calls = 0;
	raise(SIGUSR1);
	CHECK_EQ(nr_calls, 1);
	sigaction(SIGUSR1, NULL, &old);
	CHECK(old.sa_handler == SIG_DFL);
}

static void test_ignored(void)
{
	install(SIGUSR1, SIG_IGN, 0, 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(raise(SIGCHLD), 0); /* ignored by default */
	CHECK_EQ(raise(SIGURG), 0);
	CHECK_EQ(raise(SIGCONT), 0);
	CHECK_EQ(raise(SIGWINCH), 0);
}

static void note_order(int sig)
{
	order[nr_calls++ & 3] = sig;
}

/* Several pending signals are taken lowest number first;
a later one's handler runs before the earlier's body. */
static void test_order(void)
{
	sigset_t block, old;

	nr_calls = 0;
	install(SIGUSR1, note_order, 0, SIGUSR2);
	install(SIGUSR2, note_order, 0, SIGUSR1);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGUSR2);
	sigprocmask(SIG_BLOCK, &block, &old);
	raise(SIGUSR2);
	raise(SIGUSR1);
	raise(SIGUSR1); /* not queued twice */
	CHECK_EQ(nr_calls, 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK_EQ(nr_calls, 2);
	CHECK_EQ(order[0], SIGUSR1);
	CHECK_EQ(order[1], SIGUSR2);
}

static void test_errors(void)
{
	struct sigaction sa = { .sa_handler = count };

	CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(65, &sa, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, 1, NULL, 8), EFAULT);
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(0x3ffffff, 0), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), -1, SIGUSR1), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), 0x3ffffff, SIGUSR1), ESRCH);
	CHECK_ERR(syscall(SYS_tkill, 0, SIGUSR1), EINVAL);
}

/* Handlers, and places to return to, where no program can be. */
static const unsigned long nowhere[] = { 0x1add06b7872e56e6, 0xffff800000000000, 0x8000000000000000,
					 0x800000000000,     0x7ffffffff000,     1 };
static unsigned long wrong_place;

static void return_elsewhere(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)wrong_place;
}

static int go_nowhere(void *by_return)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };

	memcpy(&sa.sa_sigaction, &wrong_place, sizeof(wrong_place));
	if (by_return != NULL)
		sa.sa_sigaction = return_elsewhere;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	return 1;
}

static void test_nowhere(void)
{
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		wrong_place = nowhere[i];
		if (wrong_place != 1) /* SIG_IGN */
			CHECK_EQ(child_run(go_nowhere, NULL), 1000 + SIGSEGV);
		CHECK_EQ(child_run(go_nowhere, &wrong_place), 1000 + SIGSEGV);
	}
}

int main(void)
{
	test_plain();
	test_siginfo();
	test_nodefer_and_resethand();
	test_ignored();
	test_order();
	test_errors();
	test_nowhere();
	return check_done();
}
