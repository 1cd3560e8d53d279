/* SPDX-License-Identifier: BSD-2-Clause */
/* pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), CLONE_PIDFD, P_PIDFD. */
#include "check.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int pidfd_open_(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static long pidfd_signal(int fd, int sig)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

static pid_t pauses(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void test_poll(void)
{
	pid_t pid = pauses();
	int fd = pidfd_open_(pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	siginfo_t info = { 0 };

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(pidfd_signal(fd, 0), 0);
	CHECK_EQ(pidfd_signal(fd, SIGTERM), 0);
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(p.revents, POLLIN);
	CHECK_EQ(waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED), 0);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_status, SIGTERM);
	CHECK_ERR(pidfd_signal(fd, 0), ESRCH);
	CHECK_ERR(waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED), ECHILD);
	CHECK_EQ(close(fd), 0);
}

static void test_epoll(void)
{
	pid_t pid = pauses();
	int fd = pidfd_open_(pid, 0), ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = 7 }, got;

	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	kill(pid, SIGKILL);
	CHECK_EQ(epoll_wait(ep, &got, 1, -1), 1);
	CHECK_EQ(got.data.u32, 7);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	close(ep);
	close(fd);
}

static void test_clone(void)
{
	int fd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (unsigned long)&fd,
		.exit_signal = SIGCHLD,
	};
	siginfo_t info = { 0 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(12);
	CHECK(fd >= 0);
	CHECK_EQ(waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED), 0);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_status, 12);
	close(fd);
}

static void test_nonblocking(void)
{
	pid_t pid = pauses();
	int fd = pidfd_open_(pid, O_NONBLOCK);
	siginfo_t info;

	CHECK_ERR(waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED), EAGAIN);
	CHECK_EQ(pidfd_signal(fd, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	close(fd);
}

static void test_getfd(void)
{
	int p[2], fd, got, status;
	char c = 0;
	pid_t pid;

	CHECK_EQ(pipe(p), 0);
	pid = pauses();
	close(p[1]);
	fd = pidfd_open_(pid, 0);
	got = (int)syscall(SYS_pidfd_getfd, fd, p[1], 0);
	CHECK(got >= 0);
	CHECK_EQ(fcntl(got, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(got, "q", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(c, 'q');
	CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 999, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 0, 1), EINVAL);
	CHECK_ERR(syscall(SYS_pidfd_getfd, p[0], 0, 0), EBADF);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 0, 0), ESRCH);
	close(got);
	close(p[0]);
	close(fd);
}

static void test_errors(void)
{
	CHECK_ERR(pidfd_open_(0, 0), EINVAL);
	CHECK_ERR(pidfd_open_(-1, 0), EINVAL);
	CHECK_ERR(pidfd_open_(getpid(), 1), EINVAL);
	CHECK_ERR(pidfd_open_(0x3ffffff, 0), ESRCH);
	CHECK_ERR(pidfd_signal(0, 0), EBADF);
	CHECK_ERR(pidfd_signal(-1, 0), EBADF);
}

int main(void)
{
	test_poll();
	test_epoll();
	test_clone();
	test_nonblocking();
	test_getfd();
	test_errors();
	return check_done();
}
