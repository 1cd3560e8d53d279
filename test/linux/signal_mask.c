/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocked signals: sigprocmask(2), sigpending(2), sigsuspend(2), sigtimedwait(2),
	 rt_sigqueueinfo(2)
 * and the queue of real-time signals.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include "check.h"

static volatile sig_atomic_t nr_calls, values[8];

static void record(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	values[nr_calls++ & 7] = info->si_value.sival_int;
}

static sigset_t set_of(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

static void install(int sig)
{
	struct sigaction sa = { .sa_sigaction = record, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
}

static void test_block(void)
{
	sigset_t usr1 = set_of(SIGUSR1), pending, old;

	install(SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &usr1, &old), 0);
	CHECK(!sigismember(&old, SIGUSR1));
	raise(SIGUSR1);
	CHECK_EQ(nr_calls, 0);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGUSR1));
	CHECK(!sigismember(&pending, SIGUSR2));
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &usr1, NULL), 0);
	CHECK_EQ(nr_calls, 1);
	sigpending(&pending);
	CHECK(!sigismember(&pending, SIGUSR1));
}

static void test_unblockable(void)
{
	sigset_t all, now;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK(sigismember(&now, SIGTERM));
	CHECK(!sigismember(&now, SIGKILL));
	CHECK(!sigismember(&now, SIGSTOP));
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	CHECK_ERR(sigprocmask(9, &all, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 1, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 16), EINVAL);
}

static void test_suspend(void)
{
	sigset_t usr1 = set_of(SIGUSR1), none, now;

	nr_calls = 0;
	sigemptyset(&none);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	CHECK_ERR(sigsuspend(&none), EINTR);
	CHECK_EQ(nr_calls, 1);
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1)); /* the old mask is back */
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
}

static void test_timedwait(void)
{
	sigset_t usr1 = set_of(SIGUSR1);
	struct timespec none = { 0 }, some = { .tv_nsec = 20 * 1000 * 1000 },
			bad = { .tv_nsec = -1 };
	siginfo_t info;

	nr_calls = 0;
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	CHECK_ERR(sigtimedwait(&usr1, &info, &none), EAGAIN);
	CHECK_ERR(sigtimedwait(&usr1, &info, &some), EAGAIN);
	CHECK_ERR(sigtimedwait(&usr1, &info, &bad), EINVAL);
	raise(SIGUSR1);
	CHECK_EQ(sigtimedwait(&usr1, &info, &some), SIGUSR1);
	CHECK_EQ(info.si_signo, SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(sigwaitinfo(&usr1, NULL), SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	CHECK_EQ(nr_calls, 0); /* no handler ran: they were taken synchronously */
}

static void test_realtime_queue(void)
{
	int rt = SIGRTMIN + 3;
	sigset_t set = set_of(rt);

	install(rt);
	nr_calls = 0;
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 1; i <= 4; i++) {
		union sigval value = { .sival_int = i * 11 };

		CHECK_EQ(sigqueue(getpid(), rt, value), 0);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK_EQ(nr_calls, 4);
	/* Each delivery nests on the next,
		for the handler's mask blocks the signal: order is kept. */
	CHECK_EQ(values[0], 11);
	CHECK_EQ(values[3], 44);
}

static void test_queueinfo(void)
{
	siginfo_t info = { .si_code = SI_QUEUE }, got;
	sigset_t usr1 = set_of(SIGUSR1);

	info.si_value.sival_int = 99;
	info.si_pid = getpid();
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	CHECK_EQ(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info), 0);
	CHECK_EQ(sigwaitinfo(&usr1, &got), SIGUSR1);
	CHECK_EQ(got.si_code, SI_QUEUE);
	CHECK_EQ(got.si_value.sival_int, 99);
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &info), 0);
	CHECK_EQ(sigwaitinfo(&usr1, &got), SIGUSR1);
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), 99, &info), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, 0x3ffffff, SIGUSR1, &info), ESRCH);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
}

int main(void)
{
	test_block();
	test_unblockable();
	test_suspend();
	test_timedwait();
	test_realtime_queue();
	test_queueinfo();
	return check_done();
}
