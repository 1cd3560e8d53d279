/* SPDX-License-Identifier: BSD-2-Clause */
/* Local seqpackets: connections that keep boundaries (unix(7)). */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include "sockets.h"

static int nr_sigpipe;

static void on_sigpipe(int sig)
{
	(void)sig;
	nr_sigpipe++;
}

static void test_boundaries(void)
{
	int p[2], n = 0;
	char buf[32], a[2], b[2];
	struct iovec in[2] = { { a, 2 }, { b, 2 } };
	struct msghdr m = { .msg_iov = in, .msg_iovlen = 2 };

	pair_open(SOCK_SEQPACKET, p);
	CHECK_EQ(poll_now(p[0]), POLLOUT);
	CHECK_EQ(send(p[0], "first", 5, 0), 5);
	CHECK_EQ(send(p[0], "second", 6, MSG_EOR), 6);
	CHECK_EQ(write(p[0], "third!!", 7), 7);
	CHECK_EQ(ioctl(p[1], FIONREAD, &n), 0);
	CHECK_EQ(n, 18);
	CHECK_EQ(read(p[1], buf, 3), 3);
	CHECK_EQ(recv(p[1], buf, sizeof(buf), MSG_PEEK), 6);
	CHECK_EQ(recv(p[1], buf, 2, MSG_PEEK | MSG_TRUNC), 6);
	CHECK_EQ(recvmsg(p[1], &m, 0), 4);
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK_EQ(recvmsg(p[1], &m, MSG_TRUNC), 7);
	CHECK_ERR(recv(p[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(p[0], "full", 4, 0), 4);
	m.msg_flags = 0;
	CHECK_EQ(recvmsg(p[1], &m, 0), 4);
	CHECK_EQ(m.msg_flags, 0);
	CHECK_EQ(send(p[0], "", 0, 0), 0);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT);
	CHECK_EQ(recv(p[1], buf, 1, 0), 0);
	CHECK_ERR(recv(p[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(sendto(p[0], "any", 3, 0,
			(struct sockaddr *)&(struct sockaddr_un){ AF_UNIX, "no" }, UN_PATH + 3),
		 3);
	CHECK_EQ(recv(p[1], buf, 8, 0), 3);
	CHECK_EQ(recv(p[1], buf, 8, MSG_WAITALL | MSG_DONTWAIT), -1);
	pair_close(p);
}

static void test_states(void)
{
	int s = socket(AF_UNIX, SOCK_SEQPACKET, 0), l, c, a;
	struct sockaddr_un name;
	socklen_t len = sizeof(name);
	char buf[16];

	CHECK_EQ(poll_now(s), POLLOUT | POLLHUP);
	CHECK_ERR(recv(s, buf, 1, 0), ENOTCONN);
	CHECK_ERR(read(s, buf, 1), ENOTCONN);
	CHECK_ERR(send(s, buf, 1, 0), ENOTCONN);
	CHECK_ERR(accept(s, NULL, NULL), EINVAL);
	CHECK_ERR(un_connect(s, "missing"), ENOENT);
	l = un_listener(SOCK_SEQPACKET, "seq", 2);
	CHECK_EQ(un_connect(s, "seq"), 0);
	CHECK_EQ(send(s, "early", 5, 0), 5);
	a = accept(l, NULL, NULL);
	CHECK(a >= 0);
	CHECK_EQ(recvfrom(a, buf, sizeof(buf), 0, (struct sockaddr *)&name, &len), 5);
	CHECK_EQ(len, 0);
	CHECK_EQ(send(a, "answer", 6, 0), 6);
	len = sizeof(name);
	CHECK_EQ(recvfrom(s, buf, sizeof(buf), 0, (struct sockaddr *)&name, &len), 6);
	CHECK_EQ(len, UN_PATH + 4);
	CHECK_STR(name.sun_path, "seq");
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(un_connect(c, "seq"), EPROTOTYPE);
	close(c);
	close(l);
	close(a);
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), 0);
	close(s);
}

static void test_ends(void)
{
	int p[2];
	char buf[8];

	pair_open(SOCK_SEQPACKET, p);
	CHECK_EQ(send(p[0], "ab", 2, 0), 2);
	CHECK_EQ(send(p[0], "cd", 2, 0), 2);
	close(p[0]);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	CHECK_EQ(recv(p[1], buf, 8, 0), 2);
	CHECK_EQ(recv(p[1], buf, 8, 0), 2);
	CHECK_EQ(recv(p[1], buf, 8, 0), 0);
	CHECK_EQ(recv(p[1], buf, 8, MSG_DONTWAIT), 0);
	nr_sigpipe = 0;
	CHECK_ERR(send(p[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(nr_sigpipe, 0);
	CHECK_ERR(send(p[1], "x", 1, 0), EPIPE);
	CHECK_EQ(nr_sigpipe, 0); /* only streams raise it */
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(nr_sigpipe, 0);
	close(p[1]);
	pair_open(SOCK_SEQPACKET, p);
	CHECK_EQ(send(p[1], "unread", 6, 0), 6);
	CHECK_EQ(send(p[0], "read", 4, 0), 4);
	close(p[0]);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLHUP | POLLERR | POLLRDHUP);
	CHECK_ERR(recv(p[1], buf, 8, 0), ECONNRESET);
	CHECK_EQ(recv(p[1], buf, 8, 0), 4);
	CHECK_EQ(recv(p[1], buf, 8, 0), 0);
	close(p[1]);
}

static void test_shutdown(void)
{
	int p[2];
	char buf[8];

	pair_open(SOCK_SEQPACKET, p);
	CHECK_EQ(send(p[0], "x", 1, 0), 1);
	CHECK_EQ(shutdown(p[0], SHUT_WR), 0);
	CHECK_ERR(send(p[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(recv(p[1], buf, 8, 0), 1);
	CHECK_EQ(recv(p[1], buf, 8, 0), 0);
	CHECK_EQ(send(p[1], "back", 4, 0), 4);
	CHECK_EQ(recv(p[0], buf, 8, 0), 4);
	CHECK_EQ(shutdown(p[1], SHUT_WR), 0);
	CHECK_EQ(poll_now(p[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	pair_close(p);
}

static void test_full(void)
{
	static char big[50000];
	struct epoll_event e = { .events = EPOLLOUT | EPOLLET }, got;
	int p[2], ep = epoll_create1(0), sent = 0, read_back = 0;

	pair_open(SOCK_SEQPACKET, p);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	while (send(p[0], big, sizeof(big), 0) == sizeof(big))
		sent++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(sent >= 2 && sent <= 5);
	CHECK_EQ(poll_now(p[0]), 0);
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	while (recv(p[1], big, sizeof(big), MSG_DONTWAIT) == sizeof(big))
		read_back++;
	CHECK_EQ(read_back, sent);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLOUT);
	CHECK_ERR(send(p[0], big, 1 << 20, 0), EMSGSIZE);
	close(ep);
	pair_close(p);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_sigpipe };

	sigaction(SIGPIPE, &sa, NULL);
	scratch_enter();
	test_boundaries();
	test_states();
	test_ends();
	test_shutdown();
	test_full();
	return check_done();
}
