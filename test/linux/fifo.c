/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fifo(7): opens that wait for the other end, and do not miss one that comes and goes. pipe2(2)
 * that fails half-way leaves nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include "child.h"

#define ROUNDS    100
#define FAILURES  2000
#define FILES_MAX 64

static int write_and_go(void *arg)
{
	int fd = open(arg, O_WRONLY);

	return fd < 0 || write(fd, "hello", 5) != 5 || close(fd) != 0;
}

static int read_and_go(void *arg)
{
	char text[8];
	int fd = open(arg, O_RDONLY), wrong;

	wrong = fd < 0 || read(fd, text, sizeof(text)) != 5 || read(fd, text, sizeof(text)) != 0;
	return close(fd) != 0 || wrong;
}

/* Whoever comes first waits; the writer may be gone before the reader runs again. */
static void test_ends_that_come_and_go(void)
{
	int wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		pid_t reader = child_start(read_and_go, "fifo");
		pid_t writer = child_start(write_and_go, "fifo");

		wrong += child_wait(writer) != 0;
		wrong += child_wait(reader) != 0;
	}
	CHECK_EQ(wrong, 0);
	for (int i = 0; i < ROUNDS; i++) {
		pid_t writer = child_start(write_and_go, "fifo");

		wrong += read_and_go("fifo");
		wrong += child_wait(writer) != 0;
	}
	CHECK_EQ(wrong, 0);
}

static int open_and_close(void *arg)
{
	return close(open("fifo", *(const int *)arg)) != 0;
}

/* Without a byte: the reader meets the end of the file, the writer is not stopped. */
static void test_ends_without_data(void)
{
	int how = O_WRONLY, wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		pid_t other = child_start(open_and_close, &how);
		int fd = open("fifo", O_RDONLY);
		char c;

		wrong += fd < 0 || read(fd, &c, 1) != 0;
		close(fd);
		wrong += child_wait(other) != 0;
	}
	CHECK_EQ(wrong, 0);
	how = O_RDONLY;
	for (int i = 0; i < ROUNDS; i++) {
		pid_t other = child_start(open_and_close, &how);
		int fd = open("fifo", O_WRONLY);

		wrong += fd < 0;
		close(fd);
		wrong += child_wait(other) != 0;
	}
	CHECK_EQ(wrong, 0);
}

static void nothing(int sig)
{
	(void)sig;
}

static void test_without_waiting(void)
{
	struct itimerval often = { { 0, 100000 }, { 0, 100000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction sa = { .sa_handler = nothing };
	struct pollfd p;
	int in, out, both, error;
	char c;

	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	in = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK(in >= 0);
	CHECK_EQ(read(in, &c, 1), 0);
	p = (struct pollfd){ .fd = in, .events = POLLIN };
	CHECK_EQ(poll(&p, 1, 0), 0); /* no writer was there yet: that is not an end */
	out = open("fifo", O_WRONLY | O_NONBLOCK);
	CHECK(out >= 0);
	CHECK_ERR(read(in, &c, 1), EAGAIN);
	CHECK_EQ(write(out, "x", 1), 1);
	CHECK_EQ(close(out), 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLHUP);
	CHECK_EQ(read(in, &c, 1), 1);
	CHECK_EQ(read(in, &c, 1), 0);
	close(in);
	both = open("fifo", O_RDWR); /* Linux: waits for nobody */
	CHECK(both >= 0);
	CHECK_EQ(write(both, "y", 1), 1);
	close(both); /* and what nobody read is gone */
	in = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK_EQ(read(in, &c, 1), 0);
	close(in);
	sigaction(SIGALRM, &sa, NULL);
	/* Again and again: the first may come before open() waits. */
	setitimer(ITIMER_REAL, &often, NULL);
	in = open("fifo", O_RDONLY);
	error = in < 0 ? errno : 0;
	setitimer(ITIMER_REAL, &never, NULL); /* it might interrupt what CHECK writes */
	CHECK_EQ(error, EINTR);
}

static long files_in_use(void)
{
	FILE *f = fopen("/proc/sys/fs/file-nr", "r");
	long nr = -1;

	if (f == NULL || fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	if (f != NULL)
		fclose(f);
	return nr;
}

/* One descriptor is left: the pipe's first end has one, its second has none. */
static void test_no_room_for_both_ends(void)
{
	struct rlimit before, few = { FILES_MAX, FILES_MAX };
	long grown;
	int p[2] = { -1, -1 }, last = 0, wrong = 0;

	getrlimit(RLIMIT_NOFILE, &before);
	few.rlim_max = before.rlim_max;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (last >= 0 && last < FILES_MAX - 2)
		last = dup(0);
	CHECK_EQ(last, FILES_MAX - 2);
	grown = files_in_use();
	for (int i = 0; i < FAILURES; i++)
		wrong += pipe(p) != -1 || errno != EMFILE;
	grown = files_in_use() - grown;
	CHECK_EQ(wrong, 0);
	/* On the host others open and close files meanwhile. */
	CHECK(grown < FAILURES / 2 || !check_in_hull());
	CHECK(p[0] == -1 && p[1] == -1);
	CHECK_EQ(dup(0), FILES_MAX - 1); /* the one is free again */
	CHECK_ERR(pipe2(p, O_CLOEXEC), EMFILE);
	close(FILES_MAX - 1);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
	scratch_enter();
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	test_ends_that_come_and_go();
	test_ends_without_data();
	test_without_waiting();
	test_no_room_for_both_ends();
	return check_done();
}
