/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tee(2), vmsplice(2) and splice(2) between processes: blocking, partial moves, broken pipes, sizes
 * of pipes, packets, FIFOs whose ends are opened by two processes.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include "child.h"

#define SIZE 65536

static char bytes[2 * SIZE], got[2 * SIZE];

static int queued(int fd)
{
	int n = -1;

	return ioctl(fd, FIONREAD, &n) == 0 ? n : -1;
}

static void test_tee(void)
{
	int a[2], b[2];

	CHECK_EQ(pipe(a) | pipe(b), 0);
	CHECK_EQ(write(a[1], "hello world", 11), 11);
	CHECK_EQ(tee(a[0], b[1], 5, 0), 5);
	CHECK_EQ(queued(a[0]), 11);
	CHECK_EQ(queued(b[0]), 5);
	CHECK_EQ(tee(a[0], b[1], 100, 0), 11);
	CHECK_EQ(read(b[0], got, 100), 16);
	CHECK(memcmp(got, "hellohello world", 16) == 0);
	CHECK_EQ(write(a[1], "!", 1), 1); /* does not show in the copy */
	CHECK_EQ(read(a[0], got, 100), 12);
	CHECK_ERR(tee(a[0], b[1], 5, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(tee(a[0], a[1], 5, 0), EINVAL);
	CHECK_ERR(tee(a[1], b[1], 5, 0), EBADF);
	CHECK_ERR(tee(a[0], b[1], 5, 0x80), EINVAL);
	CHECK_EQ(tee(a[0], b[1], 0, 0), 0);
	close(a[1]);
	CHECK_EQ(tee(a[0], b[1], 5, 0), 0); /* the end of the file */
	close(a[0]), close(b[0]), close(b[1]);
}

static int late_writer(void *arg)
{
	child_pause_ms(30);
	return write(((int *)arg)[1], "late", 4) == 4 ? 0 : 1;
}

static void test_blocking(void)
{
	int a[2], b[2];
	pid_t pid;

	CHECK_EQ(pipe(a) | pipe(b), 0);
	pid = child_start(late_writer, a);
	CHECK_EQ(tee(a[0], b[1], 100, 0), 4);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_EQ(read(a[0], got, 100), 4);
	pid = child_start(late_writer, a);
	CHECK_EQ(splice(a[0], NULL, b[1], NULL, 100, 0), 4);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_EQ(queued(a[0]), 0);
	CHECK_EQ(queued(b[0]), 8);
	close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

static void test_vmsplice(void)
{
	struct iovec v = { bytes, sizeof(bytes) }, parts[2] = { { bytes, 3 }, { bytes + 10, 4 } };
	struct iovec into = { got, 5 }, bad = { (void *)8, 5 };
	int a[2];

	CHECK_EQ(pipe(a), 0);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 256);
	CHECK_EQ(vmsplice(a[1], parts, 2, 0), 7);
	CHECK_EQ(read(a[0], got, 100), 7);
	CHECK(memcmp(got, bytes, 3) == 0 && memcmp(got + 3, bytes + 10, 4) == 0);
	CHECK_ERR(vmsplice(a[1], &bad, 1, 0), EFAULT);
	CHECK_ERR(vmsplice(a[1], &v, 1, 0x80), EINVAL);
	CHECK_EQ(vmsplice(a[1], &v, 0, 0), 0);
	CHECK_ERR(vmsplice(0x3fff, &v, 1, 0), EBADF);
	CHECK_ERR(vmsplice(a[0], &into, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK(vmsplice(a[1], &v, 1, 0) > SIZE / 2); /* what there is room for, without waiting */
	CHECK_ERR(vmsplice(a[1], &v, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(vmsplice(a[0], &into, 1, 0), 5); /* from a pipe to memory */
	CHECK(memcmp(got, bytes, 5) == 0);
	CHECK_EQ(fcntl(a[1], F_SETFL, O_NONBLOCK), 0);
	close(a[0]), close(a[1]);
}

static void test_broken(void)
{
	struct iovec v = { bytes, 5 };
	int a[2], b[2], file = open("file", O_RDWR | O_CREAT, 0600);

	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(pipe(a) | pipe(b), 0);
	CHECK_EQ(write(b[1], "abc", 3), 3);
	CHECK_EQ(write(file, "abc", 3), 3);
	CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
	close(a[0]);
	CHECK_ERR(vmsplice(a[1], &v, 1, 0), EPIPE);
	CHECK_ERR(splice(b[0], NULL, a[1], NULL, 3, 0), EPIPE);
	CHECK_ERR(tee(b[0], a[1], 3, 0), EPIPE);
	CHECK_ERR(splice(file, NULL, a[1], NULL, 3, 0), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(a[1]), close(b[0]), close(b[1]), close(file);
}

static int break_by_vmsplice(void *arg)
{
	struct iovec v = { bytes, 5 };
	int a[2];

	(void)arg;
	if (pipe(a) != 0)
		return 1;
	close(a[0]);
	return (int)vmsplice(a[1], &v, 1, 0);
}

static void test_sizes(void)
{
	int a[2];

	CHECK_EQ(pipe(a), 0);
	CHECK_EQ(fcntl(a[0], F_GETPIPE_SZ), SIZE);
	CHECK_EQ(fcntl(a[0], F_SETPIPE_SZ, 1), 4096);
	CHECK_EQ(fcntl(a[0], F_SETPIPE_SZ, 5000), 8192);
	CHECK_EQ(write(a[1], bytes, 8192), 8192);
	CHECK_ERR(fcntl(a[0], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(fcntl(a[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	CHECK_EQ(queued(a[0]), 8192);
	CHECK_EQ(fcntl(a[0], F_GETPIPE_SZ), 1 << 20);
	CHECK_ERR(fcntl(a[0], F_SETPIPE_SZ, 0x80000001u), EINVAL);
	close(a[0]), close(a[1]);
}

static void test_packets(void)
{
	int a[2];

	CHECK_EQ(pipe2(a, O_DIRECT), 0);
	CHECK_EQ(write(a[1], "one", 3), 3);
	CHECK_EQ(write(a[1], "second", 6), 6);
	CHECK_EQ(write(a[1], bytes, 5000), 5000); /* two packets */
	CHECK_EQ(read(a[0], got, 100), 3);
	CHECK_EQ(read(a[0], got, 2), 2); /* the rest of it is lost */
	CHECK_EQ(read(a[0], got, SIZE), 4096);
	CHECK_EQ(read(a[0], got, SIZE), 904);
	CHECK_EQ(queued(a[0]), 0);
	close(a[0]), close(a[1]);
}

/* ---- FIFOs ---- */

static int open_and_write(void *arg)
{
	int fd;

	child_pause_ms((long)(size_t)arg);
	fd = open("fifo", O_WRONLY);
	return fd >= 0 && write(fd, "fifo", 4) == 4 ? 0 : 1;
}

static int open_and_read(void *arg)
{
	int fd;
	char buf[8];

	child_pause_ms((long)(size_t)arg);
	fd = open("fifo", O_RDONLY);
	return fd >= 0 && read(fd, buf, 8) == 3 && read(fd, buf, 8) == 0 ? 0 : 1;
}

static void on_signal(int sig)
{
	(void)sig;
}

static int open_interrupted(void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal };

	(void)arg;
	sigaction(SIGALRM, &sa, NULL);
	ualarm(30000, 30000); /* one of them comes while it waits */
	return open("fifo", O_RDONLY) == -1 ? errno : 0;
}

static void test_fifo(void)
{
	pid_t pid;
	int fd;

	CHECK_EQ(mkfifo("fifo", 0600), 0);
	for (size_t delay = 0; delay <= 30; delay += 30) {
		pid = child_start(open_and_write, (void *)delay);
		fd = open("fifo", O_RDONLY);
		CHECK(fd >= 0);
		CHECK_EQ(read(fd, got, 100), 4);
		CHECK_EQ(read(fd, got, 100), 0); /* its writer has ended */
		CHECK_EQ(child_wait(pid), 0);
		close(fd);
		pid = child_start(open_and_read, (void *)delay);
		fd = open("fifo", O_WRONLY);
		CHECK_EQ(write(fd, "abc", 3), 3);
		close(fd);
		CHECK_EQ(child_wait(pid), 0);
	}
	CHECK_EQ(child_run(open_interrupted, NULL), EINTR);
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
}

int main(void)
{
	scratch_enter();
	test_tee();
	test_blocking();
	test_vmsplice();
	test_broken();
	CHECK_EQ(child_run(break_by_vmsplice, NULL), 1000 + SIGPIPE);
	test_sizes();
	test_packets();
	test_fifo();
	return check_done();
}
