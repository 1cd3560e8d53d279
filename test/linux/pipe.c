/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes (pipe(7)): capacity, atomic writes, blocking, O_NONBLOCK, end of file, EPIPE and SIGPIPE,
 * F_SETPIPE_SZ, FIONREAD, packet mode.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include "check.h"

static volatile sig_atomic_t nr_sigpipe;

static void count(int sig)
{
	(void)sig;
	nr_sigpipe++;
}

static void test_basic(void)
{
	char buf[16] = "";
	int p[2], waiting;

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_EQ(write(p[1], "world", 5), 5);
	CHECK_EQ(ioctl(p[0], FIONREAD, &waiting), 0);
	CHECK_EQ(waiting, 10);
	CHECK_EQ(read(p[0], buf, 3), 3);
	CHECK_EQ(read(p[0], buf, 16), 7);
	CHECK(!memcmp(buf, "loworld", 7));
	CHECK_ERR(write(p[0], "x", 1), EBADF);
	CHECK_ERR(read(p[1], buf, 1), EBADF);
	CHECK_EQ(write(p[1], "last", 4), 4);
	close(p[1]);
	CHECK_EQ(read(p[0], buf, 16), 4);
	CHECK_EQ(read(p[0], buf, 16), 0);
	close(p[0]);
}

static void test_broken(void)
{
	struct sigaction sa = { .sa_handler = count };
	int p[2];

	sigaction(SIGPIPE, &sa, NULL);
	CHECK_EQ(pipe(p), 0);
	close(p[0]);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(nr_sigpipe, 1);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(nr_sigpipe, 1);
	close(p[1]);
}

static void test_nonblock(void)
{
	static char block[65536];
	int p[2], total = 0;
	ssize_t r;

	CHECK_EQ(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_ERR(read(p[0], block, 1), EAGAIN);
	while ((r = write(p[1], block, 4096)) > 0)
		total += (int)r;
	CHECK(r == -1 && errno == EAGAIN);
	CHECK_EQ(total, 65536);
	CHECK_EQ(read(p[0], block, 100), 100);
	CHECK_ERR(write(p[1], block, PIPE_BUF), EAGAIN); /* atomic: all or nothing */
	CHECK_EQ(read(p[0], block, 8092), 8092);
	/* larger than PIPE_BUF: what fits */
	CHECK_EQ(write(p[1], block, 65536), 8192);
	close(p[0]), close(p[1]);
}

static void test_size(void)
{
	int p[2];

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 5000), 8192);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 8192);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, -1), EINVAL);
	CHECK_ERR(pipe2(p, 0x40), EINVAL);
	close(p[0]), close(p[1]);
}

#define NR_RECORDS 400

static void *write_records(void *arg)
{
	int *job = arg; /* descriptor, id */
	char record[512];

	memset(record, 'A' + job[1], sizeof(record));
	for (int i = 0; i < NR_RECORDS; i++) {
		if (write(job[0], record, sizeof(record)) != sizeof(record))
			abort();
	}
	return NULL;
}

/* Four writers of records below PIPE_BUF: no record is ever torn. */
static void test_atomicity(void)
{
	int p[2], jobs[4][2], torn = 0, nr = 0;
	pthread_t threads[4];
	char record[512];

	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 4; i++) {
		jobs[i][0] = p[1], jobs[i][1] = i;
		pthread_create(&threads[i], NULL, write_records, jobs[i]);
	}
	for (; nr < 4 * NR_RECORDS; nr++) {
		if (read(p[0], record, sizeof(record)) != sizeof(record))
			break;
		torn += memchr(record, record[0] == 'A' ? 'B' : 'A', sizeof(record)) != NULL ||
			record[0] != record[511];
	}
	CHECK_EQ(nr, 4 * NR_RECORDS);
	CHECK_EQ(torn, 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	close(p[0]), close(p[1]);
}

static void test_packets(void)
{
	char buf[16];
	int p[2];

	if (pipe2(p, O_DIRECT) != 0) {
		CHECK_EQ(errno, EINVAL);
		return;
	}
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(write(p[1], "defgh", 5), 5);
	CHECK_EQ(read(p[0], buf, 16), 3);
	CHECK_EQ(read(p[0], buf, 2), 2); /* the rest of the packet is dropped */
	close(p[0]), close(p[1]);
}

int main(void)
{
	test_basic();
	test_broken();
	test_nonblock();
	test_size();
	test_atomicity();
	test_packets();
	return check_done();
}
