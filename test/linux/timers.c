/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX timers (timer_create(2)), setitimer(2) and alarm(2): delivery, overruns, targets,
	 remaining time.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include "check.h"

static volatile sig_atomic_t nr_calls, last_value, last_code, last_tid;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	nr_calls++;
	last_value = info->si_value.sival_int;
	last_code = info->si_code;
	last_tid = (int)syscall(SYS_gettid);
}

static void wait_calls(int nr)
{
	struct timespec ms = { 0, 1000000 };

	while (nr_calls < nr)
		nanosleep(&ms, NULL);
}

static timer_t create(clockid_t clock, int notify, int tid)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = SIGUSR1 };
	timer_t timer = NULL;

	event.sigev_value.sival_int = 4711;
	event._sigev_un._tid = tid;
	CHECK_EQ(timer_create(clock, &event, &timer), 0);
	return timer;
}

static void test_oneshot(void)
{
	timer_t timer = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0);
	struct itimerspec set = { .it_value = { 0, 20000000 } }, left;

	nr_calls = 0;
	CHECK_EQ(timer_settime(timer, 0, &set, NULL), 0);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec <= 20000000);
	CHECK(left.it_value.tv_nsec > 0 || nr_calls == 1);
	wait_calls(1);
	CHECK_EQ(nr_calls, 1);
	CHECK_EQ(last_value, 4711);
	CHECK_EQ(last_code, SI_TIMER);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	CHECK_EQ(timer_delete(timer), 0);
	CHECK_ERR(timer_gettime(timer, &left), EINVAL);
}

static void wait_pending(int sig)
{
	struct timespec ms = { 0, 1000000 };
	sigset_t set;

	while (sigpending(&set) == 0 && !sigismember(&set, sig))
		nanosleep(&ms, NULL);
}

static void test_overrun(void)
{
	timer_t timer = create(CLOCK_REALTIME, SIGEV_SIGNAL, 0);
	struct itimerspec set = { .it_value = { 0, 5000000 }, .it_interval = { 0, 5000000 } },
			  off = { 0 };
	struct timespec wait = { 0, 60000000 };
	siginfo_t info;
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	nr_calls = 0;
	CHECK_EQ(timer_settime(timer, 0, &set, NULL), 0);
	wait_pending(SIGUSR1);
	nanosleep(&wait, NULL);
	CHECK_EQ(sigwaitinfo(&usr1, &info), SIGUSR1);
	CHECK(info.si_overrun >= 11);
	CHECK_EQ(timer_getoverrun(timer), info.si_overrun);
	CHECK_EQ(nr_calls, 0);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	wait_calls(3);
	CHECK(nr_calls >= 3);
	CHECK_EQ(timer_settime(timer, 0, &off, NULL), 0);
	nr_calls = 0;
	nanosleep(&wait, NULL);
	CHECK_EQ(nr_calls, 0);
	CHECK_EQ(timer_delete(timer), 0);
}

static void *own_timer(void *tid)
{
	timer_t timer = create(CLOCK_MONOTONIC, SIGEV_THREAD_ID, gettid());
	struct itimerspec set = { .it_value = { 0, 10000000 } };

	*(int *)tid = gettid();
	nr_calls = 0;
	timer_settime(timer, 0, &set, NULL);
	wait_calls(1);
	timer_delete(timer);
	return NULL;
}

static void test_thread_target(void)
{
	pthread_t thread;
	int tid;

	pthread_create(&thread, NULL, own_timer, &tid);
	pthread_join(thread, NULL);
	CHECK_EQ(nr_calls, 1);
	CHECK_EQ(last_tid, tid);
}

static void test_timer_errors(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99 };
	struct itimerspec bad = { .it_value = { 0, 1000000000 } };
	timer_t timer;

	CHECK_ERR(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
	event.sigev_signo = SIGUSR1;
	CHECK_ERR(timer_create(77, &event, &timer), EINVAL);
	timer = create(CLOCK_MONOTONIC, SIGEV_NONE, 0);
	CHECK_ERR(timer_settime(timer, 0, &bad, NULL), EINVAL);
	bad.it_value.tv_nsec = 1;
	CHECK_EQ(timer_settime(timer, TIMER_ABSTIME, &bad, NULL), 0);
	CHECK_EQ(timer_delete(timer), 0);
	CHECK_ERR(syscall(SYS_timer_delete, 9999), EINVAL);
}

/* What is left at once, rounded to a second. */
static unsigned rest_of_alarm(unsigned seconds)
{
	struct timespec before, after;
	unsigned rest;

	do {
		clock_gettime(CLOCK_MONOTONIC, &before);
		CHECK_EQ(alarm(seconds), 0);
		rest = alarm(0);
		clock_gettime(CLOCK_MONOTONIC, &after);
	} while ((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >
		 400000000);
	return rest;
}

static void test_itimer(void)
{
	struct itimerval set = { .it_value = { 1000, 0 }, .it_interval = { 0, 10000 } }, old;

	nr_calls = 0;
	CHECK_EQ(setitimer(ITIMER_REAL, &set, NULL), 0);
	CHECK_EQ(getitimer(ITIMER_REAL, &old), 0);
	CHECK(old.it_value.tv_sec > 0 && old.it_value.tv_sec <= 1000);
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	set.it_value = (struct timeval){ 0, 20000 };
	CHECK_EQ(setitimer(ITIMER_REAL, &set, NULL), 0);
	wait_calls(3);
	CHECK(nr_calls >= 3);
	memset(&set, 0, sizeof(set));
	CHECK_EQ(setitimer(ITIMER_REAL, &set, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	CHECK_EQ(rest_of_alarm(100), 100);
	CHECK_ERR(setitimer(99, &set, NULL), EINVAL);
	set.it_value.tv_usec = 1000000;
	CHECK_ERR(setitimer(ITIMER_REAL, &set, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_getitimer, ITIMER_REAL, 1), EFAULT);
}

static void test_cpu_itimer(void)
{
	struct itimerval set = { .it_value = { 0, 20000 } };
	time_t start = time(NULL);

	nr_calls = 0;
	CHECK_EQ(setitimer(ITIMER_PROF, &set, NULL), 0);
	while (nr_calls == 0 && time(NULL) - start < 240)
		;
	CHECK_EQ(nr_calls, 1);
}

/* A period as short as the time it takes to ring costs expirations, not the machine. */
static void test_shortest_period(void)
{
	struct itimerval set = { .it_value = { 0, 1 }, .it_interval = { 0, 50 } };

	nr_calls = 0;
	CHECK_EQ(setitimer(ITIMER_REAL, &set, NULL), 0);
	wait_calls(10);
	memset(&set, 0, sizeof(set));
	CHECK_EQ(setitimer(ITIMER_REAL, &set, NULL), 0);
	CHECK(nr_calls >= 10);
}

static timer_t of_dead_thread;
static pid_t dead_thread;

static void *make_timer_and_end(void *arg)
{
	struct itimerspec set = { .it_value = { 60, 0 } };

	dead_thread = gettid();
	of_dead_thread = create(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, 0);
	CHECK_EQ(timer_settime(of_dead_thread, 0, &set, NULL), 0);
	return arg;
}

/* In centuries; with the first of them the hardware is armed, too. */
static void test_far_deadline(void)
{
	static const time_t seconds[] = { 7600000000, 7800000000, 9000000000, 9223372035 };

	nr_calls = 0;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		for (int flags = 0; flags <= TIMER_ABSTIME; flags += TIMER_ABSTIME) {
			timer_t timer = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0);
			struct itimerspec set = { .it_value = { seconds[i], 999999999 } }, left;
			struct timespec ms = { 0, 5000000 };

			CHECK_EQ(timer_settime(timer, flags, &set, NULL), 0);
			nanosleep(&ms, NULL);
			CHECK_EQ(timer_gettime(timer, &left), 0);
			CHECK(left.it_value.tv_sec > 7000000000);
			CHECK_EQ(timer_delete(timer), 0);
		}
	CHECK_EQ(nr_calls, 0);
}

/* The clock of a thread that has ended stands still: a timer on it never rings, nor is it set. */
static void test_clock_of_dead_thread(void)
{
	struct itimerspec left, set = { .it_value = { 60, 0 } };
	pthread_t thread;

	nr_calls = 0;
	CHECK_EQ(pthread_create(&thread, NULL, make_timer_and_end, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	while (tgkill(getpid(), dead_thread, 0) == 0) /* it is joined a little before its end */
		sched_yield();
	CHECK_EQ(timer_gettime(of_dead_thread, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	CHECK_ERR(timer_settime(of_dead_thread, 0, &set, NULL), ESRCH);
	CHECK_EQ(nr_calls, 0);
	CHECK_EQ(timer_delete(of_dead_thread), 0);
}

static void *sleep_until_told(void *fd)
{
	char c;

	return read(*(int *)fd, &c, 1) == 0 ? NULL : fd;
}

/* A timer on another thread's clock counts that thread's time, not the process's. */
static void test_clock_of_other_thread(void)
{
	struct itimerspec set = { .it_value = { 60, 0 } }, left;
	struct timespec now, end;
	clockid_t clock;
	pthread_t thread;
	timer_t timer;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(pthread_create(&thread, NULL, sleep_until_told, &fds[0]), 0);
	CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
	timer = create(clock, SIGEV_SIGNAL, 0);
	CHECK_EQ(timer_settime(timer, 0, &set, NULL), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	end.tv_sec++;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK_EQ(clock_gettime(clock, &now), 0);
	CHECK(60000000000 - left.it_value.tv_sec * 1000000000 - left.it_value.tv_nsec <=
	      now.tv_sec * 1000000000 + now.tv_nsec);
	close(fds[1]);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	close(fds[0]);
	CHECK_EQ(timer_delete(timer), 0);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGPROF, &sa, NULL);
	test_oneshot();
	test_overrun();
	test_thread_target();
	test_timer_errors();
	test_itimer();
	test_cpu_itimer();
	test_shortest_period();
	test_far_deadline();
	test_clock_of_dead_thread();
	test_clock_of_other_thread();
	return check_done();
}
