/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals for files: F_SETOWN, F_SETSIG, O_ASYNC, SIGIO, SIGURG (fcntl(2), socket(7)). */
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include "inet.h"

static sigset_t all;

/* The signal that comes for certain; its details. */
static int next_signal(siginfo_t *info)
{
	struct timespec t = { 240, 0 };
	int sig = sigtimedwait(&all, info, &t);

	return sig < 0 ? 0 : sig;
}

static bool no_signal(void)
{
	struct timespec t = { 0, 100000000 };

	return sigtimedwait(&all, NULL, &t) < 0;
}

static void drain(void)
{
	struct timespec none = { 0, 0 };

	while (sigtimedwait(&all, NULL, &none) > 0) {
	}
}

static void test_owner(int fd)
{
	struct f_owner_ex e = { F_OWNER_PID, 7 };
	int who = 0;

	CHECK_EQ(fcntl(fd, F_GETOWN), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN_EX, &e), 0);
	CHECK_EQ(e.pid, 0);
	CHECK_EQ(fcntl(fd, F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
	CHECK_EQ(fcntl(fd, F_GETOWN_EX, &e), 0);
	CHECK_EQ(e.type, F_OWNER_PID);
	CHECK_EQ(e.pid, getpid());
	CHECK_EQ(fcntl(fd, F_SETOWN, -getpgrp()), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN_EX, &e), 0);
	CHECK_EQ(e.type, F_OWNER_PGRP);
	CHECK_EQ(e.pid, getpgrp());
	e.type = F_OWNER_TID;
	e.pid = (int)syscall(SYS_gettid);
	CHECK_EQ(fcntl(fd, F_SETOWN_EX, &e), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN), e.pid);
	e.type = 9;
	CHECK_ERR(fcntl(fd, F_SETOWN_EX, &e), EINVAL);
	CHECK_ERR(fcntl(fd, F_SETOWN_EX, (void *)1), EFAULT);
	CHECK_ERR(fcntl(fd, F_SETOWN, 0x3ffffff), ESRCH);
	CHECK_EQ(fcntl(fd, F_SETOWN, 0), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN), 0);
	CHECK_EQ(fcntl(fd, F_GETSIG), 0);
	CHECK_ERR(fcntl(fd, F_SETSIG, 65), EINVAL);
	CHECK_EQ(fcntl(fd, F_SETSIG, SIGRTMIN), 0);
	CHECK_EQ(fcntl(fd, F_GETSIG), SIGRTMIN);
	CHECK_EQ(fcntl(fd, F_SETSIG, 0), 0);
	if (ioctl(fd, SIOCGPGRP, &who) == 0) {
		who = getpid();
		CHECK_EQ(ioctl(fd, FIOSETOWN, &who), 0);
		who = 0;
		CHECK_EQ(ioctl(fd, FIOGETOWN, &who), 0);
		CHECK_EQ(who, getpid());
	}
}

/* Bytes for in, sent by out. */
static void test_input(int in, int out)
{
	siginfo_t info;
	int on = 1;
	char c;

	CHECK_EQ(fcntl(in, F_SETOWN, getpid()), 0);
	CHECK_EQ(write(out, "a", 1), 1);
	CHECK(no_signal()); /* not before O_ASYNC */
	CHECK_EQ(read(in, &c, 1), 1);
	CHECK_EQ(ioctl(in, FIOASYNC, &on), 0);
	CHECK((fcntl(in, F_GETFL) & O_ASYNC) != 0);
	drain();
	CHECK_EQ(write(out, "b", 1), 1);
	CHECK_EQ(next_signal(&info), SIGIO);
	CHECK_EQ(info.si_code, SI_KERNEL);
	CHECK_EQ(read(in, &c, 1), 1);
	drain();
	CHECK_EQ(fcntl(in, F_SETSIG, SIGRTMIN + 1), 0);
	CHECK_EQ(write(out, "c", 1), 1);
	CHECK_EQ(next_signal(&info), SIGRTMIN + 1);
	CHECK_EQ(info.si_code, POLL_IN);
	CHECK_EQ(info.si_fd, in);
	CHECK_EQ(info.si_band & POLLIN, POLLIN);
	CHECK_EQ(fcntl(in, F_SETFL, fcntl(in, F_GETFL) & ~O_ASYNC), 0);
	drain();
	CHECK_EQ(write(out, "d", 1), 1);
	CHECK(no_signal());
	CHECK_EQ(fcntl(in, F_SETSIG, 0), 0);
}

static void test_urgent(void)
{
	siginfo_t info;
	int p[2];

	in_pair(p);
	CHECK_EQ(send(p[0], "u", 1, MSG_OOB), 1);
	CHECK(no_signal());
	CHECK_EQ(fcntl(p[1], F_SETOWN, getpid()), 0);
	CHECK_EQ(send(p[0], "v", 1, MSG_OOB), 1);
	CHECK_EQ(next_signal(&info), SIGURG);
	pair_close(p);
}

static void test_accept(void)
{
	int l = in_listener("127.0.0.1", 4), c = socket(AF_INET, SOCK_STREAM, 0);
	siginfo_t info;

	CHECK_EQ(fcntl(l, F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(l, F_SETFL, O_ASYNC | O_NONBLOCK), 0);
	drain();
	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(l)), 0);
	CHECK_EQ(next_signal(&info), SIGIO);
	close(c);
	close(l);
}

int main(void)
{
	int p[2];

	sigfillset(&all);
	sigdelset(&all, SIGINT);
	sigprocmask(SIG_BLOCK, &all, NULL);
	in_pair(p);
	test_owner(p[0]);
	test_input(p[1], p[0]);
	pair_close(p);
	pair_open(SOCK_STREAM, p);
	test_owner(p[0]);
	test_input(p[1], p[0]);
	pair_close(p);
	CHECK_EQ(pipe(p), 0);
	test_owner(p[0]);
	test_input(p[0], p[1]);
	pair_close(p);
	test_urgent();
	test_accept();
	return check_done();
}
