/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dup(2), dup2(2), dup3(2), fcntl(2)'s descriptor commands, close(2) and close_range(2).
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include "check.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_dup(int fd)
{
	int a = dup(fd);

	CHECK(a > fd);
	CHECK_EQ(fcntl(a, F_GETFD), 0);
	CHECK_EQ(dup2(fd, 100), 100);
	CHECK_EQ(dup2(100, 100), 100);
	CHECK_EQ(dup3(fd, 101, O_CLOEXEC), 101);
	CHECK_EQ(fcntl(101, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(dup3(fd, fd, 0), EINVAL);
	CHECK_ERR(dup3(fd, 102, O_APPEND), EINVAL);
	CHECK_ERR(dup(999), EBADF);
	CHECK_ERR(dup2(999, 103), EBADF);
	CHECK_ERR(dup2(999, 999), EBADF);
	CHECK_ERR(dup2(fd, -1), EBADF);
	CHECK_ERR(dup2(fd, 1 << 30), EBADF);
	CHECK_EQ(write(a, "via a", 5), 5);
	CHECK_EQ(lseek(100, 0, SEEK_CUR), 5);
	CHECK_EQ(close(a), 0);
	CHECK_ERR(close(a), EBADF);
	CHECK_EQ(write(100, "x", 1), 1);
}

static void test_fcntl(int fd)
{
	int a;

	CHECK_EQ(fcntl(fd, F_DUPFD, 50), 50);
	CHECK_EQ(fcntl(fd, F_DUPFD, 50), 51);
	a = fcntl(fd, F_DUPFD_CLOEXEC, 60);
	CHECK_EQ(a, 60);
	CHECK_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(a, F_SETFD, 0), 0);
	CHECK_EQ(fcntl(a, F_GETFD), 0);
	CHECK_ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
	CHECK_ERR(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
		 O_RDWR | O_APPEND | O_NONBLOCK);
	/* of the open file, not the descriptor */
	CHECK_EQ(fcntl(50, F_GETFL) & O_APPEND, O_APPEND);
	CHECK_EQ(fcntl(fd, F_SETFL, O_WRONLY), 0); /* the access mode is ignored */
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR);
	CHECK_ERR(fcntl(fd, 9999), EINVAL);
	CHECK_ERR(fcntl(999, F_GETFL), EBADF);
	CHECK_EQ(ioctl(fd, FIOCLEX), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(ioctl(fd, FIONCLEX), 0);
	CHECK_ERR(ioctl(fd, 0x12345678), ENOTTY);
}

static void test_close_range(int fd)
{
	for (int i = 200; i < 210; i++)
		dup2(fd, i);
	CHECK_EQ(syscall(SYS_close_range, 202, 204, 0), 0);
	CHECK(is_open(201) && !is_open(202) && !is_open(204) && is_open(205));
	CHECK_EQ(syscall(SYS_close_range, 206, 207, CLOSE_RANGE_CLOEXEC), 0);
	CHECK_EQ(fcntl(206, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(208, F_GETFD), 0);
	CHECK_EQ(syscall(SYS_close_range, 200, ~0u, 0), 0);
	CHECK(!is_open(200) && !is_open(209));
	CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
	CHECK_ERR(syscall(SYS_close_range, 300, 301, 64), EINVAL);
}

int main(void)
{
	int fd;

	scratch_enter();
	fd = open("file", O_RDWR | O_CREAT, 0600);
	test_dup(fd);
	test_fcntl(fd);
	test_close_range(fd);
	return check_done();
}
