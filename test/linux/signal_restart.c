/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupted system calls (signal(7)): EINTR without SA_RESTART, restarted with it,
	 and those calls
 * that never restart. The signal comes from another thread while the main thread waits.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include "check.h"

static volatile sig_atomic_t nr_calls;
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

static void *signal_then_write(void *unused)
{
	pause_ms(50);
	pthread_kill(main_thread, SIGUSR1);
	pause_ms(50);
	if (write(ends[1], "x", 1) != 1)
		abort();
	return unused;
}

static pthread_t start_signaller(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, signal_then_write, NULL);
	return thread;
}

static void finish(pthread_t thread, bool taken)
{
	char c;

	pthread_join(thread, NULL);
	if (!taken)
		CHECK_EQ(read(ends[0], &c, 1), 1);
}

static void test_read(void)
{
	pthread_t thread;
	char c;

	install(0);
	thread = start_signaller();
	CHECK_ERR(read(ends[0], &c, 1), EINTR);
	CHECK_EQ(nr_calls, 1);
	finish(thread, false);

	install(SA_RESTART);
	thread = start_signaller();
	CHECK_EQ(read(ends[0], &c, 1), 1);
	CHECK_EQ(nr_calls, 1);
	finish(thread, true);
}

/* poll, select, epoll_wait and nanosleep are interrupted even under SA_RESTART. */
static void test_never_restarted(void)
{
	struct pollfd p = { .fd = ends[0], .events = POLLIN };
	int ep = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	pthread_t thread;
	fd_set set;

	epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event);
	install(SA_RESTART);
	thread = start_signaller();
	CHECK_ERR(poll(&p, 1, 10000), EINTR);
	finish(thread, false);

	thread = start_signaller();
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	CHECK_ERR(select(ends[0] + 1, &set, NULL, NULL, NULL), EINTR);
	finish(thread, false);

	thread = start_signaller();
	CHECK_ERR(epoll_wait(ep, &event, 1, 10000), EINTR);
	finish(thread, false);
	close(ep);
}

static void test_nanosleep(void)
{
	struct timespec ten = { .tv_sec = 10 }, left = { 0 };
	pthread_t thread;

	install(SA_RESTART);
	thread = start_signaller();
	CHECK_ERR(nanosleep(&ten, &left), EINTR);
	CHECK(left.tv_sec == 9);
	CHECK(left.tv_nsec > 0);
	finish(thread, false);
	thread = start_signaller();
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &ten, &left), EINTR);
	CHECK(left.tv_sec == 9);
	finish(thread, false);
}

static void test_partial_write(void)
{
	static char block[1 << 20];
	int pipe_ends[2];
	pthread_t thread;
	ssize_t done;

	CHECK_EQ(pipe(pipe_ends), 0);
	install(0);
	thread = start_signaller();
	done = write(pipe_ends[1], block, sizeof(block)); /* fills the pipe, then waits */
	CHECK(done > 0 && done < (ssize_t)sizeof(block));
	finish(thread, false);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

static void test_pause(void)
{
	pthread_t thread;

	install(SA_RESTART);
	thread = start_signaller();
	CHECK_ERR(pause(), EINTR);
	finish(thread, false);
}

int main(void)
{
	main_thread = pthread_self();
	CHECK_EQ(pipe(ends), 0);
	test_read();
	test_never_restarted();
	test_nanosleep();
	test_partial_write();
	test_pause();
	return check_done();
}
