/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whoever wakes up again and again, as soon as it fell asleep, leaves the others time to go on:
 * threads with time-outs of a microsecond (futex(2), nanosleep(2)), with a timer of that period
 * (timerfd_create(2)), and the signals of a fast one (setitimer(2)), all on one CPU.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "check.h"

#define LOOPS 20000000
#define MOST  4 /* threads */

static atomic_bool done;
static atomic_int begun;
static int word;

static void by_futex(void)
{
	struct timespec soon = { .tv_nsec = 1000 };

	syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &soon, NULL, 0);
}

static void by_nanosleep(void)
{
	struct timespec soon = { .tv_nsec = 1 };

	nanosleep(&soon, NULL);
}

static void by_timerfd(void)
{
	static _Thread_local int fd = -1;
	uint64_t times;

	if (fd < 0) {
		struct itimerspec often = { { 0, 1000 }, { 0, 1000 } };

		fd = timerfd_create(CLOCK_MONOTONIC, 0);
		timerfd_settime(fd, 0, &often, NULL);
	}
	if (read(fd, &times, sizeof(times)) != sizeof(times))
		abort();
}

static void *wakes_up(void *wait)
{
	prctl(PR_SET_TIMERSLACK, 1);
	atomic_fetch_add(&begun, 1);
	while (!atomic_load(&done))
		((void (*)(void))wait)();
	return NULL;
}

static void works(void)
{
	for (volatile int i = 0; i < LOOPS; i++)
		;
}

static void beside(unsigned nr, void (*wait)(void))
{
	pthread_t threads[MOST];

	atomic_store(&done, false);
	atomic_store(&begun, 0);
	for (unsigned i = 0; i < nr; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, wakes_up, (void *)wait), 0);
	while (atomic_load(&begun) < (int)nr)
		sched_yield();
	works();
	atomic_store(&done, true);
	for (unsigned i = 0; i < nr; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static atomic_long signals;

static void on_alarm(int number)
{
	(void)number;
	atomic_fetch_add(&signals, 1);
}

static void beside_signals(void)
{
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { 0 };

	signal(SIGALRM, on_alarm);
	CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	works();
	CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
	CHECK(atomic_load(&signals) > 0);
}

int main(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	beside(1, by_futex);
	beside(MOST, by_futex);
	beside(1, by_nanosleep);
	beside(MOST, by_nanosleep);
	beside(1, by_timerfd);
	beside(MOST, by_timerfd);
	beside_signals();
	return check_done();
}
