/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals in a process with threads: directed ones reach their thread,
	 process ones any that does not
 * block them, masks are per thread and inherited, sigwait in a dedicated thread.
 */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include "check.h"

static atomic_int handled_by, nr_calls, ready, stop;

static void note(int sig)
{
	(void)sig;
	atomic_store(&handled_by, gettid());
	atomic_fetch_add(&nr_calls, 1);
}

static void wait_for(atomic_int *flag, int value)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	while (atomic_load(flag) < value)
		nanosleep(&ms, NULL);
}

static void *spin(void *tid)
{
	*(int *)tid = gettid();
	atomic_store(&ready, 1);
	while (!atomic_load(&stop))
		;
	return NULL;
}

static void *sleep_unblocked(void *tid)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	*(int *)tid = gettid();
	atomic_store(&ready, 1);
	wait_for(&stop, 1);
	return NULL;
}

/* The target never enters the kernel by itself: the signal must interrupt its loop. */
static void test_directed(void)
{
	pthread_t thread;
	int tid;

	pthread_create(&thread, NULL, spin, &tid);
	wait_for(&ready, 1);
	CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
	wait_for(&nr_calls, 1);
	CHECK_EQ(atomic_load(&handled_by), tid);
	CHECK_EQ(tgkill(getpid(), tid, SIGUSR1), 0);
	wait_for(&nr_calls, 2);
	CHECK_EQ(atomic_load(&nr_calls), 2);
	CHECK_EQ(pthread_kill(thread, 0), 0);
	atomic_store(&stop, 1);
	pthread_join(thread, NULL);
}

static void test_process_signal_finds_unblocked(void)
{
	sigset_t usr1, old, inherited;
	pthread_t thread;
	int tid;

	atomic_store(&stop, 0), atomic_store(&ready, 0), atomic_store(&nr_calls, 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, &old);
	pthread_create(&thread, NULL, sleep_unblocked, &tid);
	wait_for(&ready, 1);
	kill(getpid(), SIGUSR1);
	wait_for(&nr_calls, 1);
	CHECK_EQ(atomic_load(&handled_by), tid);
	pthread_sigmask(SIG_SETMASK, NULL, &inherited);
	CHECK(sigismember(&inherited, SIGUSR1));
	atomic_store(&stop, 1);
	pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void *sigwait_thread(void *result)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	for (int i = 0; i < 2; i++) {
		if (sigwait(&set, &((int *)result)[i]) != 0)
			break;
		atomic_fetch_add(&ready, 1);
	}
	return NULL;
}

static void test_sigwait_thread(void)
{
	sigset_t set, old;
	pthread_t thread;
	int got[2] = { 0 };

	atomic_store(&ready, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	pthread_create(&thread, NULL, sigwait_thread, got);
	kill(getpid(), SIGUSR2);
	wait_for(&ready, 1);
	kill(getpid(), SIGTERM);
	pthread_join(thread, NULL);
	CHECK_EQ(got[0], SIGUSR2);
	CHECK_EQ(got[1], SIGTERM);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void *look_at_mask(void *result)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	*(int *)result = sigismember(&now, SIGHUP);
	sigpending(&now);
	((int *)result)[1] = sigismember(&now, SIGHUP);
	return NULL;
}

/* A new thread inherits the mask but not what is pending for its creator alone. */
static void test_inheritance(void)
{
	sigset_t set, old;
	pthread_t thread;
	struct timespec none = { 0 };
	int seen[2] = { -1, -1 };

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	pthread_kill(pthread_self(), SIGHUP);
	pthread_create(&thread, NULL, look_at_mask, seen);
	pthread_join(thread, NULL);
	CHECK_EQ(seen[0], 1);
	CHECK_EQ(seen[1], 0);
	CHECK_EQ(sigtimedwait(&set, NULL, &none), SIGHUP);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = note };

	sigaction(SIGUSR1, &sa, NULL);
	test_directed();
	test_process_signal_finds_unblocked();
	test_sigwait_thread();
	test_inheritance();
	return check_done();
}
