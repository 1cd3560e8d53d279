/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP on the loopback: connections, accept, names, bytes, readiness (tcp(7), connect(2)). */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <linux/sockios.h>
#include "inet.h"

static void test_new(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char buf[4];

	CHECK(s >= 0);
	CHECK_EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(len, sizeof(a));
	CHECK_EQ(a.sin_family, AF_INET);
	CHECK_EQ(a.sin_port, 0);
	CHECK_EQ(a.sin_addr.s_addr, INADDR_ANY);
	CHECK_ERR(getpeername(s, (struct sockaddr *)&a, &len), ENOTCONN);
	CHECK_EQ(poll_now(s), POLLOUT | POLLHUP);
	CHECK_ERR(recv(s, buf, 1, 0), ENOTCONN);
	CHECK_ERR(send(s, buf, 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(shutdown(s, SHUT_RDWR), ENOTCONN);
	CHECK_ERR(shutdown(s, 3), EINVAL);
	CHECK_ERR(accept(s, 0, 0), EINVAL);
	CHECK_EQ(get_int(s, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	CHECK_EQ(get_int(s, SOL_SOCKET, SO_DOMAIN), AF_INET);
	CHECK_EQ(get_int(s, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	CHECK_EQ(get_int(s, SOL_SOCKET, SO_ACCEPTCONN), 0);
	close(s);
	CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_INET, SOCK_STREAM, -1), EINVAL);
	CHECK_ERR(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){ 0 }), EOPNOTSUPP);
}

static void test_listen(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int l = in_listener("127.0.0.1", 5);
	char buf[4];

	CHECK_EQ(getsockname(l, (struct sockaddr *)&a, &len), 0);
	CHECK(ntohs(a.sin_port) >= 1024);
	CHECK_EQ(a.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(get_int(l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	CHECK_EQ(poll_now(l), 0);
	CHECK_EQ(fcntl(l, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERR(accept(l, 0, 0), EAGAIN);
	CHECK_ERR(recv(l, buf, 1, 0), ENOTCONN);
	CHECK_ERR(send(l, buf, 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(in_connect(l, "127.0.0.1", in_port(l)), EISCONN);
	CHECK_ERR(in_bind(l, "127.0.0.1", 0), EINVAL);
	CHECK_EQ(listen(l, 10), 0);
	CHECK_ERR(ioctl(l, FIONREAD, &len), EINVAL);
	CHECK_EQ(shutdown(l, SHUT_RD), 0);
	CHECK_ERR(accept(l, 0, 0), EINVAL);
	CHECK_EQ(get_int(l, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_EQ(listen(l, 10), 0);
	CHECK_EQ(get_int(l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	close(l);
	l = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(listen(l, 1), 0); /* binds by itself */
	CHECK(in_port(l) > 0);
	close(l);
}

static void test_connection(void)
{
	int l = in_listener("127.0.0.1", 5), c = socket(AF_INET, SOCK_STREAM, 0), d, n = -1;
	struct sockaddr_in own, peer, a;
	socklen_t len = sizeof(a);
	char buf[64];

	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(l)), 0);
	CHECK_EQ(poll_soon(l, POLLIN), POLLIN);
	CHECK_EQ(poll_now(l), POLLIN);
	CHECK_EQ(poll_now(c), POLLOUT);
	CHECK_EQ(send(c, "early", 5, 0), 5);
	d = accept4(l, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(d >= 0);
	CHECK_EQ(len, sizeof(peer));
	CHECK_EQ(fcntl(d, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(d, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_EQ(getsockname(c, (struct sockaddr *)&own, &len), 0);
	CHECK_EQ(own.sin_port, peer.sin_port);
	CHECK_EQ(own.sin_addr.s_addr, peer.sin_addr.s_addr);
	CHECK_EQ(getsockname(d, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(ntohs(a.sin_port), in_port(l));
	CHECK_EQ(getpeername(d, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(a.sin_port, own.sin_port);
	CHECK_EQ(getpeername(c, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(ntohs(a.sin_port), in_port(l));
	CHECK_ERR(in_connect(c, "127.0.0.1", in_port(l)), EISCONN);
	CHECK_ERR(listen(c, 1), EINVAL);
	CHECK_ERR(in_bind(c, "127.0.0.1", 0), EINVAL);
	CHECK_ERR(accept(c, 0, 0), EINVAL);
	CHECK_EQ(poll_soon(d, POLLIN), POLLIN);
	CHECK_EQ(ioctl(d, FIONREAD, &n), 0);
	CHECK_EQ(n, 5);
	CHECK_EQ(recv(d, buf, 2, MSG_PEEK), 2);
	CHECK_EQ(recv(d, buf, 64, 0), 5);
	CHECK(memcmp(buf, "early", 5) == 0);
	CHECK_ERR(recv(d, buf, 1, 0), EAGAIN);
	CHECK_EQ(send(d, "", 0, 0), 0);
	CHECK_EQ(write(d, "a", 1), 1);
	CHECK_EQ(write(d, "b", 1), 1);
	CHECK_EQ(write(d, "c", 1), 1);
	CHECK_EQ(recv(c, buf, 3, MSG_WAITALL), 3);
	CHECK(memcmp(buf, "abc", 3) == 0);
	CHECK_EQ(write(d, "0123456789", 10), 10);
	CHECK_EQ(recv(c, buf, 64, MSG_PEEK), 10);
	CHECK_EQ(recv(c, NULL, 4, MSG_TRUNC), 4);
	CHECK_EQ(recv(c, buf, 64, 0), 6);
	CHECK(memcmp(buf, "456789", 6) == 0);
	CHECK_ERR(recv(c, buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(recv(c, buf, 1, MSG_DONTWAIT | MSG_ERRQUEUE), EAGAIN);
	/* An address that is given with a send is not looked at. */
	CHECK_EQ(sendto(c, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
	memset(&a, 0x55, sizeof(a));
	len = sizeof(a);
	CHECK_EQ(poll_soon(d, POLLIN), POLLIN);
	CHECK_EQ(recvfrom(d, buf, 1, 0, (struct sockaddr *)&a, &len), 1);
	CHECK_EQ(len, 0);
	CHECK_ERR(ioctl(c, TCGETS, buf), ENOTTY);
	CHECK_ERR(lseek(c, 0, SEEK_SET), ESPIPE);
	close(c);
	close(d);
	close(l);
}

static void test_refused(void)
{
	struct sockaddr a = { .sa_family = AF_INET };
	int held = socket(AF_INET, SOCK_STREAM, 0), port, c;

	CHECK_EQ(in_bind(held, "127.0.0.1", 0), 0); /* nobody else gets the port */
	port = in_port(held);
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(in_connect(c, "127.0.0.1", port), ECONNREFUSED);
	CHECK_ERR(in_connect(c, "127.0.0.1", port), ECONNREFUSED);
	CHECK_ERR(connect(c, &a, 1), EINVAL);
	CHECK_ERR(connect(c, &a, 8), EINVAL);
	a.sa_family = AF_UNIX;
	CHECK_ERR(connect(c, &a, sizeof(a)), EAFNOSUPPORT);
	CHECK_EQ(socket_error(c), 0);
	close(c);
	c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_ERR(in_connect(c, "127.0.0.1", port), EINPROGRESS);
	CHECK_EQ(poll_over(c) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	CHECK_EQ(socket_error(c), ECONNREFUSED);
	CHECK_EQ(socket_error(c), 0);
	CHECK_ERR(in_connect(c, "127.0.0.1", port), ECONNABORTED);
	CHECK_ERR(in_connect(c, "127.0.0.1", port), EINPROGRESS);
	poll_soon(c, POLLOUT);
	CHECK_ERR(in_connect(c, "127.0.0.1", port), ECONNREFUSED);
	close(c);
	close(held);
}

static void test_nonblocking(void)
{
	int l = in_listener("127.0.0.1", 5), c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	CHECK_ERR(in_connect(c, "127.0.0.1", in_port(l)), EINPROGRESS);
	CHECK_EQ(poll_soon(c, POLLOUT), POLLOUT);
	CHECK_EQ(socket_error(c), 0);
	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(l)), 0);
	CHECK_ERR(in_connect(c, "127.0.0.1", in_port(l)), EISCONN);
	close(c);
	close(l);
}

/* More than may wait: the next one is let in when one is accepted. */
static void test_backlog(void)
{
	int l = in_listener("127.0.0.1", 0), c[2], d;

	c[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(in_connect(c[0], "127.0.0.1", in_port(l)), 0);
	CHECK_EQ(poll_soon(l, POLLIN), POLLIN);
	c[1] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_ERR(in_connect(c[1], "127.0.0.1", in_port(l)), EINPROGRESS);
	CHECK_EQ(poll_now(c[1]) & POLLOUT, 0);
	CHECK_ERR(in_connect(c[1], "127.0.0.1", in_port(l)), EALREADY);
	CHECK_ERR(send(c[1], "x", 1, 0), EAGAIN);
	d = accept(l, 0, 0);
	CHECK(d >= 0);
	close(d);
	d = accept(l, 0, 0); /* Linux: once the SYN is sent again */
	CHECK(d >= 0);
	CHECK_EQ(poll_soon(c[1], POLLOUT) & POLLOUT, POLLOUT);
	CHECK_EQ(socket_error(c[1]), 0);
	close(d);
	close(c[0]);
	close(c[1]);
	close(l);
}

static void *send_all(void *arg)
{
	static char bytes[1 << 20];
	int fd = *(int *)arg;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 ^ i >> 9);
	for (int i = 0; i < 8; i++) {
		for (size_t at = 0; at < sizeof(bytes);) {
			ssize_t n = write(fd, bytes + at, sizeof(bytes) - at);

			if (n <= 0)
				return (void *)1;
			at += (size_t)n;
		}
	}
	shutdown(fd, SHUT_WR);
	return NULL;
}

static void test_bulk(void)
{
	static char buf[70001];
	int p[2], good = 1;
	size_t total = 0;
	pthread_t t;
	void *result;
	ssize_t n;

	in_pair(p);
	pthread_create(&t, NULL, send_all, &p[0]);
	while ((n = read(p[1], buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			size_t at = (total + (size_t)i) % (1 << 20);

			good &= buf[i] == (char)(at * 7 ^ at >> 9);
		}
		total += (size_t)n;
	}
	pthread_join(t, &result);
	CHECK(result == NULL);
	CHECK_EQ(total, 8 << 20);
	CHECK(good);
	pair_close(p);
}

/* A sender that is faster than its reader stops, and is told when there is room. */
static void test_full(void)
{
	static char buf[65536];
	int p[2], e = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	size_t sent = 0, received = 0;
	ssize_t n;

	in_pair(p);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev);
	do { /* until nothing moves on from the sender's queue to the reader's */
		while ((n = write(p[0], buf, sizeof(buf))) > 0)
			sent += (size_t)n;
		CHECK_EQ(errno, EAGAIN);
	} while (epoll_wait(e, &ev, 1, 60) == 1);
	CHECK(sent > 65536);
	while (received < sent && (n = read(p[1], buf, sizeof(buf))) > 0)
		received += (size_t)n;
	CHECK_EQ(received, sent);
	CHECK_EQ(epoll_wait(e, &ev, 1, 240000), 1);
	CHECK_EQ(ev.events, EPOLLOUT);
	CHECK_EQ(poll_now(p[0]), POLLOUT);
	close(e);
	pair_close(p);
}

static void test_timeouts(void)
{
	struct timeval t = { 0, 30000 };
	int p[2];
	char buf[1];

	in_pair(p);
	CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	CHECK_ERR(recv(p[0], buf, 1, 0), EAGAIN);
	pair_close(p);
	p[0] = in_listener("127.0.0.1", 1);
	CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	CHECK_ERR(accept(p[0], 0, 0), EAGAIN);
	close(p[0]);
}

/* SO_RCVLOWAT: less than that is no reason to wake up. */
static void test_low_water(void)
{
	int p[2];
	char buf[8];

	in_pair(p);
	CHECK_EQ(set_int(p[1], SOL_SOCKET, SO_RCVLOWAT, 4), 0);
	CHECK_EQ(write(p[0], "ab", 2), 2);
	in_wait_bytes(p[1], 2);
	CHECK_EQ(poll_now(p[1]), POLLOUT);
	CHECK_EQ(recv(p[1], buf, 8, MSG_DONTWAIT), 2);
	CHECK_EQ(write(p[0], "abcd", 4), 4);
	CHECK_EQ(poll_soon(p[1], POLLIN), POLLIN);
	pair_close(p);
}

static void test_vectors(void)
{
	char a[3], b[5];
	struct iovec out[2] = { { (char *)"abc", 3 }, { (char *)"defgh", 5 } };
	struct iovec in[2] = { { b, 5 }, { a, 3 } };
	struct msghdr m = { .msg_iov = in, .msg_iovlen = 2 };
	int p[2];

	in_pair(p);
	CHECK_EQ(writev(p[0], out, 2), 8);
	CHECK_EQ(recvmsg(p[1], &m, MSG_WAITALL), 8);
	CHECK(memcmp(b, "abcde", 5) == 0 && memcmp(a, "fgh", 3) == 0);
	CHECK_EQ(m.msg_flags, 0);
	CHECK_ERR(send(p[0], (void *)1, 4, 0), EFAULT);
	CHECK_EQ(write(p[0], "x", 1), 1);
	CHECK_ERR(recv(p[1], (void *)1, 1, 0), EFAULT);
	CHECK_EQ(recv(p[1], a, 1, 0), 1);
	pair_close(p);
}

static int echo(void *arg)
{
	int d = accept(*(int *)arg, 0, 0);
	char buf[16];
	ssize_t n;

	while ((n = read(d, buf, sizeof(buf))) > 0) {
		if (write(d, buf, (size_t)n) != n)
			return 1;
	}
	return n == 0 ? 0 : 2;
}

/* Between processes. */
static void test_processes(void)
{
	int l = in_listener("127.0.0.1", 1), c = socket(AF_INET, SOCK_STREAM, 0), status;
	int good = 1;
	char buf[16];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(c);
		_exit(echo(&l));
	}
	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(l)), 0);
	for (int i = 0; i < 1000 && good; i++) {
		good = write(c, "ping", 4) == 4 && recv(c, buf, 4, MSG_WAITALL) == 4;
		good = good && memcmp(buf, "ping", 4) == 0;
	}
	CHECK(good);
	close(c);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close(l);
}

int main(void)
{
	test_new();
	test_listen();
	test_connection();
	test_refused();
	test_nonblocking();
	test_backlog();
	test_bulk();
	test_full();
	test_timeouts();
	test_low_water();
	test_vectors();
	test_processes();
	return check_done();
}
