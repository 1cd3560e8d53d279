/* SPDX-License-Identifier: BSD-2-Clause */
/* How TCP's connections end: shutdown, close, FIN and RST as programs see them (tcp(7)). */
#include <signal.h>
#include "inet.h"

static int state_of(int fd)
{
	struct tcp_info t = { 0 };
	socklen_t len = sizeof(t);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &len) == 0 ? t.tcpi_state : -1;
}

/* Until the last acknowledgement has come. */
static void await_close(int fd)
{
	while (state_of(fd) != TCP_CLOSE)
		usleep(1000);
}

static void test_half_close(void)
{
	int p[2];
	char buf[8];

	in_pair(p);
	CHECK_EQ(state_of(p[0]), TCP_ESTABLISHED);
	CHECK_EQ(write(p[0], "end", 3), 3);
	CHECK_EQ(shutdown(p[0], SHUT_WR), 0);
	CHECK_ERR(send(p[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(poll_soon(p[1], POLLRDHUP) & POLLRDHUP, POLLRDHUP);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(state_of(p[1]), TCP_CLOSE_WAIT);
	CHECK(state_of(p[0]) == TCP_FIN_WAIT1 || state_of(p[0]) == TCP_FIN_WAIT2);
	CHECK_EQ(poll_now(p[0]), POLLOUT);
	CHECK_EQ(read(p[1], buf, 8), 3);
	CHECK_EQ(read(p[1], buf, 8), 0);
	CHECK_EQ(read(p[1], buf, 8), 0);
	CHECK_EQ(write(p[1], "back", 4), 4);
	CHECK_EQ(recv(p[0], buf, 8, 0), 4);
	CHECK_EQ(shutdown(p[0], SHUT_WR), 0);
	CHECK_EQ(shutdown(p[1], SHUT_WR), 0);
	CHECK_EQ(poll_soon(p[0], POLLRDHUP) & POLLHUP, POLLHUP);
	CHECK_EQ(poll_now(p[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	CHECK_EQ(read(p[0], buf, 8), 0);
	await_close(p[0]);
	CHECK_EQ(state_of(p[0]), TCP_CLOSE);
	await_close(p[1]);
	CHECK_ERR(getpeername(p[0], (struct sockaddr *)buf, &(socklen_t){ 8 }), ENOTCONN);
	CHECK_ERR(shutdown(p[1], SHUT_RDWR), ENOTCONN);
	CHECK_EQ(socket_error(p[0]), 0);
	CHECK_EQ(socket_error(p[1]), 0);
	pair_close(p);
}

static void test_shutdown_read(void)
{
	int p[2];
	char buf[8];

	in_pair(p);
	CHECK_EQ(shutdown(p[0], SHUT_RD), 0);
	CHECK_EQ(poll_now(p[0]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(read(p[0], buf, 8), 0);
	CHECK_EQ(poll_now(p[1]), POLLOUT); /* the peer is not told */
	CHECK_EQ(write(p[1], "still", 5), 5);
	in_wait_bytes(p[0], 5);
	CHECK_EQ(recv(p[0], buf, 8, 0), 5);
	CHECK_EQ(read(p[0], buf, 8), 0);
	CHECK_EQ(write(p[0], "x", 1), 1);
	CHECK_EQ(shutdown(p[0], SHUT_RDWR), 0);
	CHECK_EQ(poll_now(p[0]) & POLLHUP, POLLHUP);
	pair_close(p);
}

static volatile sig_atomic_t nr_sigpipe;

static void on_sigpipe(int sig)
{
	(void)sig;
	nr_sigpipe++;
}

/* The peer closes with nothing unread: what is sent then is answered by an RST. */
static void test_close(void)
{
	int p[2];
	char buf[8];

	signal(SIGPIPE, on_sigpipe);
	in_pair(p);
	CHECK_EQ(write(p[0], "last", 4), 4);
	close(p[0]);
	CHECK_EQ(poll_soon(p[1], POLLRDHUP) & POLLRDHUP, POLLRDHUP);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(read(p[1], buf, 8), 4);
	CHECK_EQ(read(p[1], buf, 8), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(poll_over(p[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
	CHECK_EQ(nr_sigpipe, 0);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(nr_sigpipe, 1);
	CHECK_ERR(send(p[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(nr_sigpipe, 1);
	CHECK_EQ(read(p[1], buf, 8), 0);
	CHECK_ERR(getpeername(p[1], (struct sockaddr *)buf, &(socklen_t){ 8 }), ENOTCONN);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	close(p[1]);
}

/* Bytes that nobody read: an RST. */
static void test_close_unread(void)
{
	int p[2];
	char buf[8];

	in_pair(p);
	CHECK_EQ(write(p[0], "unread", 6), 6);
	poll_soon(p[1], POLLIN);
	CHECK_EQ(write(p[1], "mine", 4), 4);
	poll_soon(p[0], POLLIN);
	close(p[1]);
	CHECK_EQ(poll_over(p[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
	CHECK_EQ(read(p[0], buf, 8), 4); /* what had come stays */
	CHECK_ERR(read(p[0], buf, 8), ECONNRESET);
	CHECK_EQ(read(p[0], buf, 8), 0);
	CHECK_ERR(send(p[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(in_connect(p[0], "127.0.0.1", 1), EISCONN);
	close(p[0]);
	in_pair(p);
	CHECK_EQ(write(p[0], "unread", 6), 6);
	poll_soon(p[1], POLLIN);
	close(p[1]);
	poll_soon(p[0], POLLRDHUP);
	CHECK_ERR(send(p[0], "x", 1, MSG_NOSIGNAL), ECONNRESET);
	CHECK_ERR(send(p[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(p[0]);
	in_pair(p);
	CHECK_EQ(write(p[0], "unread", 6), 6);
	poll_soon(p[1], POLLIN);
	close(p[1]);
	poll_soon(p[0], POLLRDHUP);
	CHECK_EQ(socket_error(p[0]), ECONNRESET);
	CHECK_EQ(read(p[0], buf, 8), 0);
	close(p[0]);
}

static void test_linger(void)
{
	struct linger l = { 1, 0 };
	int p[2];
	char buf[8];

	in_pair(p);
	CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	close(p[0]);
	poll_soon(p[1], POLLIN);
	CHECK_ERR(read(p[1], buf, 8), ECONNRESET);
	close(p[1]);
	l.l_linger = 2;
	in_pair(p);
	CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	close(p[0]);
	CHECK_EQ(read(p[1], buf, 8), 0);
	close(p[1]);
}

static void test_disconnect(void)
{
	int p[2], l = in_listener("127.0.0.1", 3), d;
	char buf[8];

	in_pair(p);
	CHECK_EQ(in_disconnect(p[0]), 0);
	CHECK_EQ(poll_now(p[0]), POLLOUT | POLLHUP | POLLERR);
	poll_soon(p[1], POLLIN);
	CHECK_ERR(read(p[1], buf, 8), ECONNRESET);
	CHECK_ERR(read(p[0], buf, 8), ECONNRESET);
	CHECK_ERR(read(p[0], buf, 8), ENOTCONN);
	CHECK_EQ(in_connect(p[0], "127.0.0.1", in_port(l)), 0);
	d = accept(l, 0, 0);
	CHECK_EQ(write(p[0], "again", 5), 5);
	CHECK_EQ(read(d, buf, 8), 5);
	CHECK_EQ(in_disconnect(l), 0);
	CHECK_ERR(accept(l, 0, 0), EINVAL);
	close(d);
	close(l);
	pair_close(p);
}

/* A listener that closes resets what it has not accepted. */
static void test_listener_closes(void)
{
	int l = in_listener("127.0.0.1", 3), c = socket(AF_INET, SOCK_STREAM, 0);
	char buf[8];

	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(l)), 0);
	close(l);
	poll_soon(c, POLLIN);
	CHECK_ERR(read(c, buf, 8), ECONNRESET);
	close(c);
}

/* A client that goes before it is accepted. */
static void test_client_goes(void)
{
	int l = in_listener("127.0.0.1", 3), c = socket(AF_INET, SOCK_STREAM, 0), d;
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	char buf[8];

	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(l)), 0);
	CHECK_EQ(write(c, "bye", 3), 3);
	close(c);
	d = accept(l, (struct sockaddr *)&a, &len);
	CHECK(d >= 0);
	CHECK_EQ(len, sizeof(a));
	CHECK_EQ(read(d, buf, 8), 3);
	CHECK_EQ(read(d, buf, 8), 0);
	close(d);
	close(l);
}

/* As servers start again: the port with connections of before. */
static void test_again(void)
{
	int l = in_listener("127.0.0.1", 3), port = in_port(l), c = socket(AF_INET, SOCK_STREAM, 0);
	int d, m = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(set_int(l, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(in_connect(c, "127.0.0.1", port), 0);
	d = accept(l, 0, 0);
	CHECK_EQ(get_int(d, SOL_SOCKET, SO_REUSEADDR), 1);
	close(l);
	CHECK_ERR(in_bind(m, "127.0.0.1", port), EADDRINUSE);
	CHECK_EQ(set_int(m, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(in_bind(m, "127.0.0.1", port), 0);
	CHECK_EQ(listen(m, 1), 0);
	close(d);
	close(c);
	close(m);
}

int main(void)
{
	test_half_close();
	test_shutdown_read();
	test_close();
	test_close_unread();
	test_linger();
	test_disconnect();
	test_listener_closes();
	test_client_goes();
	test_again();
	return check_done();
}
