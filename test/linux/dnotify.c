/* SPDX-License-Identifier: BSD-2-Clause */
/* fcntl(2) F_NOTIFY: signals for what happens in a directory, once or every time. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include "check.h"

static volatile sig_atomic_t nr_signals, nr_plain;
static siginfo_t last;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	last = *info;
	nr_signals++;
}

static void note_plain(int sig)
{
	(void)sig;
	nr_plain++;
}

static void put(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1)
		exit(2);
	close(fd);
}

/* How many signals came since the last time. */
static int told(void)
{
	int nr = nr_signals;

	nr_signals = 0;
	return nr;
}

static void test_events(int fd)
{
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_CREATE), 0);
	put("dir/a");
	CHECK_EQ(told(), 1);
	CHECK_EQ(last.si_fd, fd);
	CHECK_EQ(last.si_code, POLL_MSG);
	put("dir/a");
	CHECK_EQ(told(), 0);
	CHECK_EQ(mkdir("dir/sub", 0700), 0);
	CHECK_EQ(told(), 1);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_DELETE), 0); /* one more, not instead */
	CHECK_EQ(rmdir("dir/sub"), 0);
	CHECK_EQ(told(), 1);
	put("dir/b");
	CHECK_EQ(told(), 1);
	CHECK_EQ(fcntl(fd, F_NOTIFY, 0), 0);
	put("dir/c");
	CHECK_EQ(told(), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_MODIFY), 0);
	put("dir/c");
	CHECK_EQ(told(), 1);
	CHECK_EQ(fcntl(fd, F_NOTIFY, 0), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_ATTRIB), 0);
	CHECK_EQ(chmod("dir/c", 0640), 0);
	CHECK_EQ(told(), 1);
	CHECK_EQ(fcntl(fd, F_NOTIFY, 0), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_RENAME), 0);
	CHECK_EQ(rename("dir/c", "dir/d"), 0);
	CHECK_EQ(told(), 1);
	CHECK_EQ(fcntl(fd, F_NOTIFY, 0), 0);
}

static void test_once(int fd)
{
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE), 0);
	put("dir/once");
	CHECK_EQ(told(), 1);
	put("dir/twice");
	CHECK_EQ(told(), 0);
}

static void test_without_a_signal_of_its_own(void)
{
	int fd = open("dir", O_RDONLY | O_DIRECTORY);

	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_CREATE), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
	put("dir/plain");
	CHECK_EQ(nr_plain, 1);
	close(fd);
	put("dir/closed");
	CHECK_EQ(nr_plain, 1);
	CHECK_EQ(told(), 0);
}

static void test_errors(int fd)
{
	int file = open("dir/a", O_RDONLY);

	CHECK_ERR(fcntl(file, F_NOTIFY, DN_CREATE), ENOTDIR);
	CHECK_EQ(fcntl(file, F_NOTIFY, 0), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MULTISHOT), 0);
	CHECK_ERR(fcntl(-1, F_NOTIFY, DN_CREATE), EBADF);
	close(file);
}

int main(void)
{
	struct sigaction queued = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };
	struct sigaction plain = { .sa_handler = note_plain };
	int fd;

	scratch_enter();
	sigaction(SIGRTMIN, &queued, NULL);
	sigaction(SIGIO, &plain, NULL);
	CHECK_EQ(mkdir("dir", 0700), 0);
	fd = open("dir", O_RDONLY);
	CHECK_EQ(fcntl(fd, F_SETSIG, SIGRTMIN), 0);
	test_events(fd);
	test_once(fd);
	test_without_a_signal_of_its_own();
	test_errors(fd);
	close(fd);
	return check_done();
}
