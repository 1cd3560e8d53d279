/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP's urgent byte: MSG_OOB, the mark, SO_OOBINLINE, POLLPRI (tcp(7), send(2)). */
#include <linux/sockios.h>
#include "inet.h"

static int at_mark(int fd)
{
	int n = -1;

	return ioctl(fd, SIOCATMARK, &n) == 0 ? n : -1;
}

static void test_apart(void)
{
	int p[2], n = -1;
	char buf[16];

	in_pair(p);
	CHECK_ERR(recv(p[1], buf, 1, MSG_OOB), EINVAL);
	CHECK_EQ(at_mark(p[1]), 0);
	CHECK_EQ(send(p[0], "ab", 2, 0), 2);
	CHECK_EQ(send(p[0], "cU", 2, MSG_OOB), 2);
	CHECK_EQ(send(p[0], "de", 2, 0), 2);
	CHECK_EQ(poll_soon(p[1], POLLPRI) & POLLPRI, POLLPRI);
	in_settle();
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLPRI | POLLOUT);
	CHECK_EQ(ioctl(p[1], FIONREAD, &n), 0);
	CHECK_EQ(n, 3);
	CHECK_EQ(at_mark(p[1]), 0);
	CHECK_EQ(recv(p[1], buf, 1, MSG_OOB | MSG_PEEK), 1);
	CHECK_EQ(buf[0], 'U');
	CHECK_EQ(recv(p[1], buf, 16, MSG_OOB), 1);
	CHECK_EQ(buf[0], 'U');
	CHECK_ERR(recv(p[1], buf, 1, MSG_OOB), EINVAL);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT);
	CHECK_EQ(recv(p[1], buf, 16, 0), 3);
	CHECK(memcmp(buf, "abc", 3) == 0);
	CHECK_EQ(at_mark(p[1]), 1);
	CHECK_EQ(recv(p[1], buf, 16, 0), 2);
	CHECK(memcmp(buf, "de", 2) == 0);
	CHECK_EQ(at_mark(p[1]), 0);
	pair_close(p);
}

static void test_alone(void)
{
	int p[2];
	char buf[16];

	in_pair(p);
	CHECK_EQ(send(p[0], "U", 1, MSG_OOB), 1);
	CHECK_EQ(poll_soon(p[1], POLLPRI), POLLPRI);
	CHECK_EQ(poll_now(p[1]), POLLPRI | POLLOUT);
	CHECK_EQ(at_mark(p[1]), 1);
	CHECK_EQ(recv(p[1], buf, 1, MSG_OOB), 1);
	CHECK_ERR(recv(p[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	pair_close(p);
}

static void test_inline(void)
{
	int p[2];
	char buf[16];

	in_pair(p);
	CHECK_EQ(set_int(p[1], SOL_SOCKET, SO_OOBINLINE, 1), 0);
	CHECK_EQ(send(p[0], "abU", 3, MSG_OOB), 3);
	CHECK_EQ(send(p[0], "cd", 2, 0), 2);
	CHECK_EQ(poll_soon(p[1], POLLPRI) & POLLPRI, POLLPRI);
	in_wait_bytes(p[1], 5);
	CHECK_ERR(recv(p[1], buf, 1, MSG_OOB), EINVAL);
	CHECK_EQ(recv(p[1], buf, 16, 0), 2);
	CHECK_EQ(at_mark(p[1]), 1);
	CHECK_EQ(recv(p[1], buf, 16, 0), 3);
	CHECK(memcmp(buf, "Ucd", 3) == 0);
	CHECK_EQ(at_mark(p[1]), 0);
	pair_close(p);
}

int main(void)
{
	test_apart();
	test_alone();
	test_inline();
	return check_done();
}
