/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIFOs made by mknod(2), and the devices that every program expects in /dev.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <termios.h>
#include "check.h"

static void test_null_zero_full(void)
{
	unsigned char buf[4096];
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR),
	    full = open("/dev/full", O_RDWR);
	unsigned char *p;
	int sum = 0;

	CHECK_EQ(read(null, buf, sizeof(buf)), 0);
	CHECK_EQ(write(null, buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(lseek(null, 100, SEEK_SET), 0);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(read(zero, buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		sum += buf[i];
	CHECK_EQ(sum, 0);
	CHECK_EQ(write(zero, buf, 10), 10);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[5000], 0);
	p[5000] = 1;
	munmap(p, 8192);
	CHECK_EQ(read(full, buf, 10), 10);
	CHECK_ERR(write(full, buf, 10), ENOSPC);
	CHECK_ERR(syscall(SYS_read, zero, 1, 10), EFAULT);
	CHECK_ERR(ioctl(null, TCGETS, buf), ENOTTY);
	CHECK(!isatty(null));
	close(null), close(zero), close(full);
}

static void test_random(void)
{
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	int random = open("/dev/random", O_RDONLY), urandom = open("/dev/urandom", O_RDONLY);

	CHECK_EQ(read(random, a, sizeof(a)), sizeof(a));
	CHECK_EQ(read(urandom, b, sizeof(b)), sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)));
	close(random), close(urandom);
}

static void test_fd_links(void)
{
	int fds[2], again;
	char c;

	CHECK_EQ(access("/dev/fd/0", F_OK) == 0 || errno == ENOENT, 1);
	CHECK_EQ(pipe(fds), 0);
	again = open("/dev/stdin", O_RDONLY | O_NONBLOCK);
	CHECK(again >= 0 || errno == ENXIO || errno == EACCES || errno == ENOENT);
	close(again);
	CHECK_EQ(dup2(fds[0], 90), 90);
	again = open("/dev/fd/90", O_RDONLY);
	CHECK(again >= 0);
	CHECK_EQ(write(fds[1], "f", 1), 1);
	CHECK_EQ(read(again, &c, 1), 1);
	close(again), close(90), close(fds[0]), close(fds[1]);
}

static void test_dev_shm(void)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/hull-test-%d", getpid());
	(void)shm_unlink(name); /* of one that was killed */
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, 4096), 0);
	close(fd);
	CHECK_EQ(shm_unlink(name), 0);
}

static void *open_writer(void *unused)
{
	int fd = open("fifo", O_WRONLY);

	if (write(fd, "through", 7) != 7)
		abort();
	close(fd);
	return unused;
}

static void test_fifo(void)
{
	pthread_t thread;
	struct stat st;
	char buf[16] = "";
	int fd;

	CHECK_EQ(mkfifo("fifo", 0600), 0);
	CHECK(stat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK(fd >= 0);
	close(fd);
	pthread_create(&thread, NULL, open_writer, NULL);
	fd = open("fifo", O_RDONLY);
	CHECK_EQ(read(fd, buf, sizeof(buf)), 7);
	CHECK_STR(buf, "through");
	CHECK_EQ(read(fd, buf, sizeof(buf)), 0);
	pthread_join(thread, NULL);
	close(fd);
	CHECK_ERR(mkfifo("fifo", 0600), EEXIST);
	CHECK_EQ(mknod("plain", S_IFREG | 0600, 0), 0);
	CHECK_ERR(mknod("plain2", S_IFDIR | 0600, 0), EPERM);
	CHECK_ERR(mknod("plain3", 0110600, 0), EINVAL);
}

int main(void)
{
	scratch_enter();
	test_null_zero_full();
	test_random();
	test_fd_links();
	test_dev_shm();
	test_fifo();
	return check_done();
}
