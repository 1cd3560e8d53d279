/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupted system calls (signal(7)): EINTR without SA_RESTART, restarted with it, and those that
 * never restart. The signal comes from another thread while the main thread waits; nobody can say
 * when that has begun, so it comes again and again, until the call has returned or, if it is
 * restarted, for some times.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <time.h>
#include "check.h"

#define NR_RESTARTS 4

static atomic_int nr_calls;
static atomic_bool returned; /* the call that is to be interrupted */
static pthread_t main_thread;
static int ends[2];

static void count(int sig)
{
	(void)sig;
	nr_calls++;
}

static void install(int flags)
{
	struct sigaction sa = { .sa_handler = count, .sa_flags = flags };

	sigaction(SIGUSR1, &sa, NULL);
	nr_calls = 0;
}

static void pause_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

static void *interrupt_call(void *unused)
{
	while (!atomic_load(&returned)) {
		pause_ms(20);
		pthread_kill(main_thread, SIGUSR1);
	}
	return unused;
}

static void *restart_call(void *unused)
{
	for (int i = 0; i < NR_RESTARTS; i++) {
		pause_ms(20);
		pthread_kill(main_thread, SIGUSR1);
		while (atomic_load(&nr_calls) <= i)
			pause_ms(1);
	}
	if (write(ends[1], "x", 1) != 1)
		abort();
	return unused;
}

static pthread_t start(void *(*signaller)(void *))
{
	pthread_t thread;

	atomic_store(&returned, false);
	pthread_create(&thread, NULL, signaller, NULL);
	return thread;
}

static void finish(pthread_t thread)
{
	atomic_store(&returned, true);
	pthread_join(thread, NULL);
}

/* Nothing is printed before the last signal has come: it might interrupt that. */
#define CHECK_INTERRUPTED(call) \
	do { \
		pthread_t signaller = start(interrupt_call); \
		long result = (call); \
		int error = errno; \
		finish(signaller); \
		check_report(result == -1 && error == EINTR, __FILE__, __LINE__, \
			     #call " -> EINTR"); \
	} while (0)

static void test_read(void)
{
	pthread_t thread;
	ssize_t n;
	char c;

	install(0);
	CHECK_INTERRUPTED(read(ends[0], &c, 1));
	CHECK(nr_calls >= 1);

	install(SA_RESTART);
	thread = start(restart_call);
	n = read(ends[0], &c, 1);
	finish(thread);
	CHECK_EQ(n, 1);
	CHECK_EQ(nr_calls, NR_RESTARTS);
}

/* poll, select, epoll_wait and nanosleep are interrupted even under SA_RESTART. */
static void test_never_restarted(void)
{
	struct pollfd p = { .fd = ends[0], .events = POLLIN };
	int ep = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	fd_set set;

	epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event);
	install(SA_RESTART);
	CHECK_INTERRUPTED(poll(&p, 1, 1000000));
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	CHECK_INTERRUPTED(select(ends[0] + 1, &set, NULL, NULL, NULL));
	CHECK_INTERRUPTED(epoll_wait(ep, &event, 1, 1000000));
	CHECK_INTERRUPTED(pause());
	close(ep);
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* What is left of a thousand seconds after a call that began at this time: no less than what the
 * clock says afterwards. */
static bool is_rest(const struct timespec *left, long long start)
{
	long long rest = left->tv_sec * 1000000000ll + left->tv_nsec;

	return rest < 1000000000000ll && rest >= 1000000000000ll - (now_ns() - start);
}

static int sleep_errno(int error) /* clock_nanosleep(2) returns it */
{
	errno = error;
	return error != 0 ? -1 : 0;
}

static void test_nanosleep(void)
{
	struct timespec long_time = { .tv_sec = 1000 }, left = { 0 };
	long long start_ns = now_ns();

	prctl(PR_SET_TIMERSLACK, 1); /* Linux adds it to what is left */
	install(SA_RESTART);
	CHECK_INTERRUPTED(nanosleep(&long_time, &left));
	CHECK(is_rest(&left, start_ns));
	start_ns = now_ns();
	CHECK_INTERRUPTED(sleep_errno(clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, &left)));
	CHECK(is_rest(&left, start_ns));
}

static void test_partial_write(void)
{
	static char block[1 << 20];
	int pipe_ends[2];
	pthread_t thread;
	ssize_t done;

	CHECK_EQ(pipe(pipe_ends), 0);
	install(0);
	thread = start(interrupt_call);
	done = write(pipe_ends[1], block, sizeof(block)); /* fills the pipe, then waits */
	finish(thread);
	CHECK(done > 0 && done < (ssize_t)sizeof(block));
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

int main(void)
{
	main_thread = pthread_self();
	CHECK_EQ(pipe(ends), 0);
	test_read();
	test_never_restarted();
	test_nanosleep();
	test_partial_write();
	return check_done();
}
