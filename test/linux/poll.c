/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll(2), ppoll(2), select(2), pselect6(2): readiness, time-outs, the temporary signal mask.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include "check.h"

static volatile sig_atomic_t nr_signals;

static void count(int sig)
{
	(void)sig;
	nr_signals++;
}

static void test_poll(int *p)
{
	struct pollfd fds[4] = {
		{ .fd = p[0], .events = POLLIN },
		{ .fd = p[1], .events = POLLOUT },
		{ .fd = -1, .events = POLLIN },
		{ .fd = 999, .events = POLLIN },
	};

	CHECK_EQ(poll(fds, 4, 0), 2);
	CHECK_EQ(fds[0].revents, 0);
	CHECK_EQ(fds[1].revents, POLLOUT);
	CHECK_EQ(fds[2].revents, 0);
	CHECK_EQ(fds[3].revents, POLLNVAL);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(poll(fds, 1, -1), 1);
	CHECK_EQ(fds[0].revents, POLLIN);
	CHECK_EQ(poll(NULL, 0, 10), 0);
	fds[0].fd = open("/proc/self/exe", O_RDONLY);
	fds[0].events = POLLIN | POLLOUT;
	CHECK_EQ(poll(fds, 1, 0), 1);
	CHECK_EQ(fds[0].revents, POLLIN | POLLOUT); /* ordinary files are always ready */
	close(fds[0].fd);
	CHECK_ERR(syscall(SYS_poll, 1, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_poll, fds, 1u << 30, 0), EINVAL);
}

static void test_hangup(void)
{
	struct pollfd fd = { .events = POLLIN };
	int q[2];

	CHECK_EQ(pipe(q), 0);
	close(q[1]);
	fd.fd = q[0];
	CHECK_EQ(poll(&fd, 1, 0), 1);
	CHECK_EQ(fd.revents, POLLHUP);
	close(q[0]);
	CHECK_EQ(pipe(q), 0);
	close(q[0]);
	fd.fd = q[1], fd.events = POLLOUT;
	CHECK_EQ(poll(&fd, 1, 0), 1);
	CHECK_EQ(fd.revents, POLLOUT | POLLERR);
	close(q[1]);
}

static void test_ppoll(int *p)
{
	struct sigaction sa = { .sa_handler = count };
	struct timespec second = { 1, 0 }, bad = { 0, -1 };
	struct pollfd fd = { .fd = p[0], .events = 0 };
	sigset_t blocked, open_mask, now;

	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&open_mask);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	CHECK_ERR(ppoll(&fd, 1, &second, &open_mask), EINTR);
	CHECK_EQ(nr_signals, 1);
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1));
	raise(SIGUSR1);
	second.tv_sec = 0, second.tv_nsec = 1000000;
	CHECK_EQ(ppoll(&fd, 1, &second, NULL), 0);
	CHECK_EQ(nr_signals, 1);
	CHECK_ERR(ppoll(&fd, 1, &bad, NULL), EINVAL);
	CHECK_ERR(pselect(0, NULL, NULL, NULL, NULL, &open_mask), EINTR);
	CHECK_EQ(nr_signals, 2);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

static void test_select(int *p)
{
	struct timeval limit = { 0, 10000 }, bad = { -1, 0 };
	fd_set in, out, except;
	char c;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	FD_SET(p[0], &except);
	CHECK_EQ(select(p[1] + 1, &in, &out, &except, NULL), 2);
	CHECK(FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out) && !FD_ISSET(p[0], &except));
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(select(p[0] + 1, &in, NULL, NULL, &limit), 0);
	CHECK(!FD_ISSET(p[0], &in));
	CHECK(limit.tv_sec == 0 && limit.tv_usec == 0); /* Linux writes back what is left */
	FD_SET(50, &in); /* closed; one above the table's size, 64 at least, is passed over */
	CHECK_ERR(select(51, &in, NULL, NULL, &limit), EBADF);
	CHECK_ERR(select(-1, NULL, NULL, NULL, &limit), EINVAL);
	CHECK_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, &bad), EINVAL);
	CHECK_ERR(syscall(SYS_select, 1, 1, NULL, NULL, &limit), EFAULT);
}

int main(void)
{
	int p[2];

	CHECK_EQ(pipe(p), 0);
	test_poll(p);
	test_hangup();
	test_ppoll(p);
	test_select(p);
	return check_done();
}
