/* SPDX-License-Identifier: BSD-2-Clause */
/* Local datagrams: boundaries, addresses, connecting, full queues, many at once (unix(7)). */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include "sockets.h"

static int dgram_at(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (fd < 0 || un_bind(fd, path) != 0) {
		printf("FAIL cannot bind %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static ssize_t send_at(int fd, const char *path, const void *buf, size_t n, int flags)
{
	socklen_t len;
	struct sockaddr_un a = un_file(path, &len);

	return sendto(fd, buf, n, flags, (struct sockaddr *)&a, len);
}

static void test_pair(void)
{
	int p[2], n = -1;
	char buf[64];

	pair_open(SOCK_DGRAM, p);
	CHECK_EQ(poll_now(p[0]), POLLOUT);
	CHECK_EQ(send(p[0], "first", 5, 0), 5);
	CHECK_EQ(send(p[0], "second", 6, 0), 6);
	CHECK_EQ(write(p[0], "", 0), 0);
	CHECK_EQ(ioctl(p[1], FIONREAD, &n), 0);
	CHECK_EQ(n, 5);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT);
	CHECK_EQ(recv(p[1], buf, 2, MSG_PEEK), 2);
	CHECK_EQ(recv(p[1], buf, 2, MSG_PEEK | MSG_TRUNC), 5);
	CHECK_EQ(recv(p[1], buf, 3, MSG_TRUNC), 5);
	CHECK_EQ(read(p[1], buf, sizeof(buf)), 6);
	CHECK(memcmp(buf, "second", 6) == 0);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT);
	CHECK_EQ(ioctl(p[1], FIONREAD, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(recv(p[1], buf, sizeof(buf), 0), 0);
	CHECK_ERR(recv(p[1], buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(p[1], "12345678", 8, 0), 8);
	CHECK_EQ(read(p[0], buf, 3), 3);
	CHECK_ERR(recv(p[0], buf, 8, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(listen(p[0], 1), EOPNOTSUPP);
	CHECK_ERR(accept(p[0], NULL, NULL), EOPNOTSUPP);
	CHECK_ERR(recv(p[0], buf, 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERR(send(p[0], buf, 1, MSG_OOB), EOPNOTSUPP);
	CHECK_EQ(send(p[0], "gone", 4, 0), 4);
	CHECK_ERR(recv(p[1], (void *)8, 4, 0), EFAULT);
	CHECK_ERR(recv(p[1], buf, 4, MSG_DONTWAIT), EAGAIN);
	pair_close(p);
}

static void test_vectors(void)
{
	int p[2];
	char a[2], b[2];
	struct iovec out[2] = { { "ab", 2 }, { "cdef", 4 } };
	struct iovec in[2] = { { a, 2 }, { b, 2 } };
	struct msghdr m = { .msg_iov = in, .msg_iovlen = 2, .msg_flags = 77 };

	pair_open(SOCK_DGRAM, p);
	CHECK_EQ(writev(p[0], out, 2), 6);
	CHECK_EQ(writev(p[0], out, 1), 2);
	CHECK_EQ(recvmsg(p[1], &m, MSG_PEEK), 4);
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK_EQ(recvmsg(p[1], &m, 0), 4);
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK(memcmp(a, "ab", 2) == 0 && memcmp(b, "cd", 2) == 0);
	CHECK_EQ(recvmsg(p[1], &m, MSG_CMSG_CLOEXEC), 2);
	CHECK_EQ(m.msg_flags, MSG_CMSG_CLOEXEC);
	pair_close(p);
}

static void test_addresses(void)
{
	int a = dgram_at("a"), b = dgram_at("b"), c = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un from;
	socklen_t len = sizeof(from);
	char buf[32];

	CHECK_ERR(send(a, "x", 1, 0), ENOTCONN);
	CHECK_ERR(write(a, "x", 1), ENOTCONN);
	CHECK_EQ(send_at(a, "b", "hello", 5, 0), 5);
	CHECK_EQ(recvfrom(b, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), 5);
	CHECK_EQ(len, UN_PATH + 2);
	CHECK_STR(from.sun_path, "a");
	CHECK_EQ(send_at(c, "b", "anonymous", 9, 0), 9);
	len = sizeof(from);
	CHECK_EQ(recvfrom(b, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), 9);
	CHECK_EQ(len, 0);
	CHECK_EQ(send_at(a, "b", "short", 5, 0), 5);
	memset(&from, 'x', sizeof(from));
	len = 3;
	CHECK_EQ(recvfrom(b, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), 5);
	CHECK_EQ(len, UN_PATH + 2);
	CHECK_EQ(from.sun_path[0], 'a');
	CHECK_EQ(from.sun_path[1], 'x');
	CHECK_ERR(send_at(a, "none", "x", 1, 0), ENOENT);
	close(open("plain", O_CREAT, 0600));
	CHECK_ERR(send_at(a, "plain", "x", 1, 0), ECONNREFUSED);
	close(b);
	CHECK_ERR(send_at(a, "b", "x", 1, 0), ECONNREFUSED);
	close(un_listener(SOCK_STREAM, "stream", 1));
	b = un_listener(SOCK_STREAM, "stream2", 1);
	CHECK_ERR(send_at(a, "stream", "x", 1, 0), ECONNREFUSED);
	CHECK_ERR(send_at(a, "stream2", "x", 1, 0), EPROTOTYPE);
	CHECK_ERR(un_connect(a, "stream2"), EPROTOTYPE);
	close(a);
	close(b);
	close(c);
	unlink("a");
	unlink("b");
}

static int disconnect(int fd)
{
	struct sockaddr a = { .sa_family = AF_UNSPEC };

	return connect(fd, &a, sizeof(a));
}

static void test_connect(void)
{
	int a = dgram_at("a"), b = dgram_at("b"), c = dgram_at("c");
	struct sockaddr_un name;
	socklen_t len = sizeof(name);
	char buf[32];

	CHECK_ERR(getpeername(a, (struct sockaddr *)&name, &len), ENOTCONN);
	CHECK_EQ(un_connect(a, "b"), 0);
	CHECK_EQ(getpeername(a, (struct sockaddr *)&name, &len), 0);
	CHECK_STR(name.sun_path, "b");
	CHECK_EQ(send(a, "one", 3, 0), 3);
	CHECK_EQ(send_at(a, "b", "two", 3, 0), 3);
	CHECK_EQ(recv(b, buf, 32, 0), 3);
	CHECK_EQ(recv(b, buf, 32, 0), 3);
	CHECK_EQ(send_at(a, "c", "three", 5, 0), 5);
	CHECK_EQ(recv(c, buf, 32, 0), 5);
	/* b may speak to a; c may not: a listens to b only. */
	CHECK_EQ(send_at(b, "a", "yes", 3, 0), 3);
	CHECK_ERR(send_at(c, "a", "no", 2, 0), EPERM);
	CHECK_ERR(un_connect(c, "a"), EPERM);
	CHECK_EQ(recv(a, buf, 32, MSG_DONTWAIT), 3);
	CHECK_EQ(un_connect(a, "c"), 0);
	CHECK_EQ(send(a, "four", 4, 0), 4);
	CHECK_EQ(recv(c, buf, 32, 0), 4);
	CHECK_EQ(disconnect(a), 0);
	CHECK_ERR(send(a, "x", 1, 0), ENOTCONN);
	CHECK_ERR(getpeername(a, (struct sockaddr *)&name, &len), ENOTCONN);
	CHECK_EQ(disconnect(a), 0);
	/* The peer's end is told once; then it is not connected. */
	CHECK_EQ(un_connect(a, "b"), 0);
	close(b);
	CHECK_EQ(poll_now(a), POLLOUT);
	CHECK_ERR(send(a, "x", 1, 0), ECONNREFUSED);
	CHECK_ERR(send(a, "x", 1, 0), ENOTCONN);
	CHECK_EQ(un_connect(a, "a"), 0);
	CHECK_EQ(send(a, "self", 4, 0), 4);
	CHECK_EQ(recv(a, buf, 32, 0), 4);
	close(a);
	close(c);
	unlink("a");
	unlink("b");
	unlink("c");
}

static void test_pair_end(void)
{
	int p[2], err = 5;
	socklen_t len = sizeof(err);
	char buf[8];

	pair_open(SOCK_DGRAM, p);
	CHECK_EQ(send(p[0], "left", 4, 0), 4);
	CHECK_EQ(send(p[1], "unread", 6, 0), 6);
	close(p[0]);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT);
	CHECK_EQ(getsockopt(p[1], SOL_SOCKET, SO_ERROR, &err, &len), 0);
	CHECK_EQ(err, 0);
	CHECK_EQ(recv(p[1], buf, 8, 0), 4);
	CHECK_ERR(recv(p[1], buf, 8, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(send(p[1], "x", 1, 0), ECONNREFUSED);
	CHECK_ERR(send(p[1], "x", 1, 0), ENOTCONN);
	close(p[1]);
}

/* A datagram that is disconnected loses what its peer sent, and that peer hears of it. */
static void test_reset(void)
{
	int a = dgram_at("a"), b = dgram_at("b"), err = 0;
	socklen_t len = sizeof(err);
	char buf[8];

	CHECK_EQ(un_connect(a, "b"), 0);
	CHECK_EQ(un_connect(b, "a"), 0);
	CHECK_EQ(send(b, "lost", 4, 0), 4);
	CHECK_EQ(disconnect(a), 0);
	CHECK_ERR(recv(a, buf, 8, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(poll_now(b), POLLOUT | POLLERR);
	CHECK_EQ(getsockopt(b, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	CHECK_EQ(err, ECONNRESET);
	close(a);
	close(b);
	unlink("a");
	unlink("b");
}

static int max_queue(void)
{
	FILE *f = fopen("/proc/sys/net/unix/max_dgram_qlen", "r");
	int n = 10;

	if (f != NULL) {
		if (fscanf(f, "%d", &n) != 1)
			n = 10;
		fclose(f);
	}
	return n;
}

static void *receive_later(void *arg)
{
	char c;

	usleep(30000);
	return (void *)recv(*(int *)arg, &c, 1, 0);
}

static void test_full_queue(void)
{
	int a = dgram_at("a"), s = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), n = 0;
	struct epoll_event e = { .events = EPOLLOUT | EPOLLET }, got;
	struct timeval tv = { 0, 20000 };
	int ep = epoll_create1(0);
	pthread_t t;
	char c;

	CHECK_EQ(un_connect(s, "a"), 0);
	while (send(s, "x", 1, 0) == 1)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, max_queue() + 1);
	CHECK_EQ(poll_now(s), 0);
	epoll_ctl(ep, EPOLL_CTL_ADD, s, &e);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	CHECK_EQ(recv(a, &c, 1, 0), 1);
	CHECK_EQ(epoll_wait(ep, &got, 1, -1), 1);
	CHECK_EQ(poll_now(s), POLLOUT);
	CHECK_EQ(send(s, "x", 1, 0), 1);
	CHECK_ERR(send(s, "x", 1, 0), EAGAIN);
	fcntl(s, F_SETFL, 0);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
	CHECK_ERR(send(s, "x", 1, 0), EAGAIN);
	tv.tv_sec = 1000;
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
	pthread_create(&t, NULL, receive_later, &a);
	CHECK_EQ(send(s, "x", 1, 0), 1);
	pthread_join(t, NULL);
	close(a);
	CHECK_EQ(poll_now(s), POLLOUT);
	CHECK_ERR(send(s, "x", 1, 0), ECONNREFUSED);
	close(s);
	close(ep);
	unlink("a");
}

static void test_sizes(void)
{
	static char big[400000], back[400000];
	int p[2], size = 100000, got;
	socklen_t len = sizeof(got);

	pair_open(SOCK_DGRAM, p);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 31 >> 4);
	CHECK_EQ(send(p[0], big, 200000, 0), 200000);
	CHECK_EQ(recv(p[1], back, sizeof(back), 0), 200000);
	CHECK(memcmp(big, back, 200000) == 0);
	CHECK_EQ(getsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &got, &len), 0);
	CHECK_ERR(send(p[0], big, (size_t)got - 31, 0), EMSGSIZE);
	CHECK_EQ(send(p[0], big, (size_t)got - 32, 0), got - 32);
	CHECK_EQ(recv(p[1], back, sizeof(back), 0), got - 32);
	CHECK(memcmp(big, back, (size_t)got - 32) == 0);
	CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	CHECK_EQ(getsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &got, &len), 0);
	CHECK_EQ(got, 200000);
	CHECK_EQ(send(p[0], big, 199968, 0), 199968);
	CHECK_ERR(send(p[0], big, 199969, 0), EMSGSIZE);
	CHECK_ERR(send(p[0], "x", 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(recv(p[1], back, sizeof(back), 0), 199968);
	for (int i = 1; i < 12000; i = i * 3 + 1) {
		CHECK_EQ(send(p[0], big + i, (size_t)i, 0), i);
		CHECK_EQ(recv(p[1], back, sizeof(back), 0), i);
		CHECK(memcmp(big + i, back, (size_t)i) == 0);
	}
	pair_close(p);
}

static void test_shutdown(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	int p[2];
	char buf[8];

	sigaction(SIGPIPE, &sa, NULL); /* a datagram raises none: the program would end */
	pair_open(SOCK_DGRAM, p);
	CHECK_EQ(shutdown(p[0], SHUT_WR), 0);
	CHECK_ERR(send(p[0], "x", 1, 0), EPIPE);
	CHECK_ERR(write(p[0], "x", 1), EPIPE);
	CHECK_EQ(poll_now(p[1]), POLLOUT);
	CHECK_EQ(send(p[1], "x", 1, 0), 1);
	CHECK_EQ(shutdown(p[1], SHUT_RD), 0);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(recv(p[1], buf, 8, 0), 0);
	CHECK_ERR(recv(p[1], buf, 8, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(recv(p[0], buf, 8, 0), 1);
	pair_close(p);
	pair_open(SOCK_DGRAM, p);
	CHECK_EQ(shutdown(p[1], SHUT_RD), 0);
	CHECK_ERR(send(p[0], "x", 1, 0), EPIPE);
	CHECK_EQ(shutdown(p[1], SHUT_RDWR), 0);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	pair_close(p);
}

static void test_peek_off(void)
{
	int p[2], off = 0;
	socklen_t len = sizeof(off);
	char buf[16];

	pair_open(SOCK_DGRAM, p);
	CHECK_EQ(setsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)), 0);
	CHECK_EQ(send(p[0], "abc", 3, 0), 3);
	CHECK_EQ(send(p[0], "defg", 4, 0), 4);
	CHECK_EQ(recv(p[1], buf, 2, MSG_PEEK), 2);
	CHECK_EQ(recv(p[1], buf, 9, MSG_PEEK), 1);
	CHECK_EQ(buf[0], 'c');
	CHECK_EQ(recv(p[1], buf, 9, MSG_PEEK), 4);
	CHECK(memcmp(buf, "defg", 4) == 0);
	CHECK_ERR(recv(p[1], buf, 9, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(getsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len), 0);
	CHECK_EQ(off, 7);
	CHECK_EQ(recv(p[1], buf, 9, 0), 3);
	CHECK_EQ(getsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len), 0);
	CHECK_EQ(off, 4);
	pair_close(p);
}

static void test_many(void)
{
	char in[4][8];
	struct iovec vo[3] = { { "a", 1 }, { "bb", 2 }, { "ccc", 3 } }, vi[4];
	struct mmsghdr out[3], got[4];
	struct timespec t = { 1000, 0 };
	int p[2];

	memset(out, 0, sizeof(out));
	memset(got, 0, sizeof(got));
	for (int i = 0; i < 4; i++) {
		vi[i] = (struct iovec){ in[i], sizeof(in[i]) };
		got[i].msg_hdr = (struct msghdr){ .msg_iov = &vi[i], .msg_iovlen = 1 };
	}
	for (int i = 0; i < 3; i++)
		out[i].msg_hdr = (struct msghdr){ .msg_iov = &vo[i], .msg_iovlen = 1 };
	pair_open(SOCK_DGRAM, p);
	CHECK_EQ(sendmmsg(p[0], out, 3, 0), 3);
	CHECK_EQ(out[2].msg_len, 3);
	CHECK_EQ(recvmmsg(p[1], got, 2, 0, NULL), 2);
	CHECK_EQ(got[0].msg_len, 1);
	CHECK_EQ(got[1].msg_len, 2);
	CHECK_EQ(recvmmsg(p[1], got, 4, MSG_DONTWAIT, NULL), 1);
	CHECK_EQ(got[0].msg_len, 3);
	CHECK_ERR(recvmmsg(p[1], got, 4, MSG_DONTWAIT, NULL), EAGAIN);
	CHECK_EQ(sendmmsg(p[0], out, 2, 0), 2);
	CHECK_EQ(recvmmsg(p[1], got, 4, MSG_WAITFORONE, NULL), 2);
	CHECK_EQ(sendmmsg(p[0], out, 2, 0), 2);
	CHECK_EQ(recvmmsg(p[1], got, 2, 0, &t), 2);
	CHECK(t.tv_sec > 500 && t.tv_sec <= 1000);
	t.tv_nsec = -1;
	CHECK_ERR(recvmmsg(p[1], got, 2, 0, &t), EINVAL);
	CHECK_EQ(sendmmsg(p[0], out, 0, 0), 0);
	out[1].msg_hdr.msg_iov = (void *)8;
	CHECK_EQ(sendmmsg(p[0], out, 3, 0), 1);
	CHECK_ERR(sendmmsg(p[0], out + 1, 2, 0), EFAULT);
	CHECK_ERR(sendmmsg(-1, out, 1, 0), EBADF);
	CHECK_ERR(recvmmsg(0, got, 1, 0, NULL), ENOTSOCK);
	pair_close(p);
}

static int child_client(void *arg)
{
	int s = dgram_at("client");
	char buf[16];

	(void)arg;
	if (send_at(s, "server", "question", 8, 0) != 8)
		return 1;
	return recv(s, buf, sizeof(buf), 0) != 6 || memcmp(buf, "answer", 6) != 0;
}

static void *serve(void *arg)
{
	struct sockaddr_un from;
	socklen_t len = sizeof(from);
	char buf[16];
	int fd = *(int *)arg;

	if (recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len) == 8)
		sendto(fd, "answer", 6, 0, (struct sockaddr *)&from, len);
	return NULL;
}

static void test_processes(void)
{
	int s = dgram_at("server");
	pthread_t t;

	pthread_create(&t, NULL, serve, &s);
	CHECK_EQ(in_child(child_client, NULL), 0);
	pthread_join(t, NULL);
	close(s);
}

int main(void)
{
	scratch_enter();
	test_pair();
	test_vectors();
	test_addresses();
	test_connect();
	test_pair_end();
	test_reset();
	test_full_queue();
	test_sizes();
	test_shutdown();
	test_peek_off();
	test_many();
	test_processes();
	return check_done();
}
