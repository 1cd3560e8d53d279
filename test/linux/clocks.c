/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks and sleeping: every clock id, resolution, monotony, absolute and relative sleeps, and the
 * vDSO agreeing with the system call.
 */
#include <limits.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include "check.h"

#define GUARD_NS 240000000000ll

static long long ns(struct timespec t)
{
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long long now(clockid_t id)
{
	struct timespec t = { 0 };

	clock_gettime(id, &t);
	return ns(t);
}

static long long raw_now(clockid_t id)
{
	struct timespec t = { 0 };

	syscall(SYS_clock_gettime, id, &t);
	return ns(t);
}

static void test_ids(void)
{
	static const clockid_t ids[] = {
		CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME,      CLOCK_TAI,
	};
	struct timespec t, res;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		CHECK_EQ(clock_gettime(ids[i], &t), 0);
		CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
		CHECK_EQ(clock_getres(ids[i], &res), 0);
		CHECK(res.tv_sec == 0 && res.tv_nsec > 0 && res.tv_nsec <= 10000000);
	}
	CHECK_ERR(clock_gettime(77, &t), EINVAL);
	CHECK_ERR(clock_getres(77, &t), EINVAL);
	CHECK_EQ(clock_getres(CLOCK_REALTIME, NULL), 0);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_REALTIME, 1), EFAULT);
}

static void test_monotony(void)
{
	long long last = now(CLOCK_MONOTONIC), at;
	int backwards = 0;

	for (int i = 0; i < 100000; i++) {
		at = now(CLOCK_MONOTONIC);
		backwards += at < last;
		last = at;
	}
	CHECK_EQ(backwards, 0);
	backwards = 0;
	for (int i = 0; i < 2000; i++) {
		at = i & 1 ? raw_now(CLOCK_MONOTONIC) : now(CLOCK_MONOTONIC);
		backwards += at < last;
		last = at;
	}
	CHECK_EQ(backwards, 0); /* vDSO and system call are one clock */
}

static void test_agreement(void)
{
	struct timeval tv;
	long long a = now(CLOCK_REALTIME), b, begin = now(CLOCK_MONOTONIC);

	CHECK_EQ(gettimeofday(&tv, NULL), 0);
	b = tv.tv_sec * 1000000000ll + tv.tv_usec * 1000ll;
	CHECK(b - a > -1000 && b <= now(CLOCK_REALTIME));
	CHECK(tv.tv_sec > 1700000000);
	/* The coarse clock shows the last tick's time: never ahead, and it comes after. */
	b = now(CLOCK_REALTIME_COARSE);
	CHECK(b <= now(CLOCK_REALTIME));
	a = now(CLOCK_REALTIME);
	while (now(CLOCK_REALTIME_COARSE) < a && now(CLOCK_MONOTONIC) - begin < GUARD_NS)
		;
	CHECK(now(CLOCK_REALTIME_COARSE) >= a);
	/* So does time(): in a second's first tick it lags. */
	b = now(CLOCK_REALTIME_COARSE) / 1000000000;
	CHECK(time(NULL) >= b);
	a = time(NULL);
	CHECK(a <= now(CLOCK_REALTIME) / 1000000000);
	a = now(CLOCK_MONOTONIC);
	CHECK(now(CLOCK_BOOTTIME) >= a - 1000000);
}

/* Of many attempts: another thread of the machine's may make one costly. */
static long long cpu_of_sleep(void)
{
	long long begin = now(CLOCK_MONOTONIC), least = GUARD_NS, cpu;
	struct timespec rest = { 0, 100000000 };

	while (least >= 60000000 && now(CLOCK_MONOTONIC) - begin < GUARD_NS) {
		cpu = now(CLOCK_PROCESS_CPUTIME_ID);
		nanosleep(&rest, NULL);
		cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		least = cpu < least ? cpu : least;
	}
	return least;
}

static void test_cpu_clocks(void)
{
	/* Each of these spans the next, whatever happens between two of them. */
	long long begin = now(CLOCK_MONOTONIC), thread = now(CLOCK_THREAD_CPUTIME_ID);
	long long cpu = now(CLOCK_PROCESS_CPUTIME_ID);

	/* However little of the machine it gets. */
	while (now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 30000000 &&
	       now(CLOCK_MONOTONIC) - begin < GUARD_NS)
		;
	CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - cpu >= 30000000);
	CHECK(now(CLOCK_THREAD_CPUTIME_ID) - thread >= 29000000);
	CHECK(now(CLOCK_MONOTONIC) - begin >= 29000000);
	CHECK(cpu_of_sleep() < 60000000);
	CHECK(clock() > 0);
}

static void test_sleep(void)
{
	struct timespec t = { 0, 20000000 }, bad = { 0, 1000000000 }, negative = { -1, 0 }, at;
	long long before = now(CLOCK_MONOTONIC), took;

	CHECK_EQ(nanosleep(&t, NULL), 0);
	took = now(CLOCK_MONOTONIC) - before;
	CHECK(took >= 20000000 && took < GUARD_NS);
	before = now(CLOCK_MONOTONIC);
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += 20000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
	CHECK(now(CLOCK_MONOTONIC) - before >= 20000000);
	/* past: at once */
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &t, NULL), 0);
	CHECK_ERR(nanosleep(&bad, NULL), EINVAL);
	CHECK_ERR(nanosleep(&negative, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_nanosleep, 1, NULL), EFAULT);
	CHECK_EQ(clock_nanosleep(77, 0, &t, NULL), EINVAL);
}

static void test_settime_refused(void)
{
	struct timespec t = { 1, 1000000000 };

	CHECK(clock_settime(CLOCK_REALTIME, &t) == -1 && (errno == EINVAL || errno == EPERM));
	CHECK(clock_settime(CLOCK_MONOTONIC, &t) == -1 && (errno == EINVAL || errno == EPERM));
}

int main(void)
{
	test_ids();
	test_monotony();
	test_agreement();
	test_cpu_clocks();
	test_sleep();
	test_settime_refused();
	return check_done();
}
