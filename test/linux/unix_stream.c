/* SPDX-License-Identifier: BSD-2-Clause */
/* Local streams: pairs, connections, accept, shutdown, ends, buffers, readiness (unix(7)). */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <linux/sockios.h>
#include <time.h>
#include "sockets.h"

static atomic_int nr_sigpipe;

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&nr_sigpipe, 1);
}

static void test_pair(void)
{
	int p[2], n = -1;
	char buf[64];
	struct stat st;

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(fcntl(p[0], F_GETFL), O_RDWR);
	CHECK_EQ(fcntl(p[0], F_GETFD), 0);
	CHECK_EQ(fstat(p[0], &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0777);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(write(p[0], "hello", 5), 5);
	CHECK_EQ(ioctl(p[1], FIONREAD, &n), 0);
	CHECK_EQ(n, 5);
	CHECK_EQ(read(p[1], buf, 2), 2);
	CHECK_EQ(ioctl(p[1], SIOCINQ, &n), 0);
	CHECK_EQ(n, 3);
	CHECK_EQ(write(p[0], " world", 6), 6);
	CHECK_EQ(read(p[1], buf, sizeof(buf)), 9);
	CHECK(memcmp(buf, "llo world", 9) == 0);
	CHECK_EQ(send(p[1], "back", 4, 0), 4);
	CHECK_EQ(recv(p[0], buf, sizeof(buf), 0), 4);
	CHECK(memcmp(buf, "back", 4) == 0);
	CHECK_EQ(write(p[0], "", 0), 0);
	CHECK_EQ(send(p[0], "", 0, 0), 0);
	CHECK_EQ(read(p[1], buf, 0), 0);
	CHECK_ERR(recv(p[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(recv(p[1], buf, 0, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(lseek(p[0], 0, SEEK_SET), ESPIPE);
	CHECK_ERR(pread(p[0], buf, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(p[0], buf, 1, 0), ESPIPE);
	CHECK_ERR(ioctl(p[0], TCGETS, buf), ENOTTY);
	CHECK_ERR(ftruncate(p[0], 0), EINVAL);
	CHECK_ERR(fsync(p[0]), EINVAL);
	pair_close(p);
}

static void test_pair_flags(void)
{
	int p[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p), 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(p[1], F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERR(read(p[0], p, 1), EAGAIN);
	pair_close(p);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM | 0x100000, 0, p), EINVAL);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 6, p), EPROTONOSUPPORT);
	CHECK_ERR(socketpair(AF_UNIX, 0, 0, p), ESOCKTNOSUPPORT);
	CHECK_ERR(socketpair(AF_UNIX, 11, 0, p), EINVAL);
	CHECK_ERR(socketpair(-1, SOCK_STREAM, 0, p), EAFNOSUPPORT);
	CHECK_ERR(socketpair(99, SOCK_STREAM, 0, p), EAFNOSUPPORT);
	CHECK_ERR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 1l), EFAULT);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, AF_UNIX, p), 0);
	pair_close(p);
}

static void test_vectors(void)
{
	int p[2];
	char a[4], b[8];
	struct iovec out[2] = { { "abc", 3 }, { "defgh", 5 } };
	struct iovec in[2] = { { a, sizeof(a) }, { b, sizeof(b) } };

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(writev(p[0], out, 2), 8);
	CHECK_EQ(readv(p[1], in, 2), 8);
	CHECK(memcmp(a, "abcd", 4) == 0);
	CHECK(memcmp(b, "efgh", 4) == 0);
	CHECK_ERR(send(p[0], (void *)8, 4, 0), EFAULT);
	CHECK_EQ(send(p[0], "x", 1, 0), 1);
	CHECK_ERR(recv(p[1], (void *)8, 4, 0), EFAULT);
	CHECK_EQ(recv(p[1], a, 4, MSG_DONTWAIT), 1);
	pair_close(p);
}

static void test_flags(void)
{
	int p[2];
	char buf[32];

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(send(p[0], "abc", 3, 0), 3);
	CHECK_EQ(send(p[0], "def", 3, 0), 3);
	CHECK_EQ(recv(p[1], buf, 2, MSG_PEEK), 2);
	CHECK(memcmp(buf, "ab", 2) == 0);
	CHECK_EQ(recv(p[1], buf, sizeof(buf), MSG_PEEK), 6);
	CHECK(memcmp(buf, "abcdef", 6) == 0);
	CHECK_EQ(recv(p[1], buf, 1, 0), 1);
	CHECK_EQ(recv(p[1], buf, sizeof(buf), MSG_PEEK), 5);
	CHECK(memcmp(buf, "bcdef", 5) == 0);
	CHECK_EQ(recv(p[1], buf, 5, MSG_WAITALL), 5);
	CHECK(memcmp(buf, "bcdef", 5) == 0);
	CHECK_EQ(send(p[0], "xyz", 3, 0), 3);
	CHECK_EQ(recv(p[1], buf, 10, MSG_WAITALL | MSG_DONTWAIT), 3);
	CHECK_EQ(send(p[0], "xyz", 3, MSG_EOR), 3);
	CHECK_EQ(recv(p[1], buf, 2, MSG_TRUNC), 2);
	CHECK_EQ(recv(p[1], buf, 2, 0), 1);
	pair_close(p);
}

static int open_peek_off(int p[2], int off)
{
	pair_open(SOCK_STREAM, p);
	return setsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
}

static void test_peek_off(void)
{
	int p[2], off = 7;
	socklen_t len = sizeof(off);
	char buf[32];

	CHECK_EQ(open_peek_off(p, 1), 0);
	CHECK_EQ(getsockopt(p[0], SOL_SOCKET, SO_PEEK_OFF, &off, &len), 0);
	CHECK_EQ(off, -1);
	CHECK_EQ(send(p[0], "abcd", 4, 0), 4);
	CHECK_EQ(send(p[0], "efgh", 4, 0), 4);
	CHECK_EQ(recv(p[1], buf, 2, MSG_PEEK), 2);
	CHECK(memcmp(buf, "bc", 2) == 0);
	getsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len);
	CHECK_EQ(off, 3);
	CHECK_EQ(recv(p[1], buf, 3, MSG_PEEK), 3);
	CHECK(memcmp(buf, "def", 3) == 0);
	CHECK_EQ(recv(p[1], buf, 4, 0), 4);
	CHECK(memcmp(buf, "abcd", 4) == 0);
	getsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len);
	CHECK_EQ(off, 2);
	CHECK_EQ(recv(p[1], buf, 9, MSG_PEEK), 2);
	CHECK(memcmp(buf, "gh", 2) == 0);
	CHECK_ERR(recv(p[1], buf, 9, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
	pair_close(p);
}

static void test_states(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), p[2];
	char buf[8];

	CHECK_EQ(poll_now(s), POLLOUT | POLLHUP);
	CHECK_ERR(read(s, buf, 1), EINVAL);
	CHECK_ERR(recv(s, buf, 1, 0), EINVAL);
	CHECK_ERR(write(s, buf, 1), ENOTCONN);
	CHECK_ERR(send(s, buf, 1, 0), ENOTCONN);
	CHECK_ERR(listen(s, 1), EINVAL);
	CHECK_ERR(accept(s, NULL, NULL), EINVAL);
	CHECK_EQ(shutdown(s, SHUT_WR), 0);
	CHECK_ERR(shutdown(s, 3), EINVAL);
	CHECK_ERR(shutdown(s, -1), EINVAL);
	close(s);
	pair_open(SOCK_STREAM, p);
	CHECK_ERR(un_connect(p[0], "nothing"), ENOENT);
	CHECK_ERR(listen(p[0], 1), EINVAL);
	CHECK_ERR(sendto(p[0], buf, 1, 0, (struct sockaddr *)&(struct sockaddr_un){ AF_UNIX, "x" },
			 4),
		  EISCONN);
	pair_close(p);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(sendto(s, buf, 1, 0, (struct sockaddr *)&(struct sockaddr_un){ AF_UNIX, "x" }, 4),
		  EOPNOTSUPP);
	close(s);
	CHECK_ERR(accept(0, NULL, NULL), ENOTSOCK);
	CHECK_ERR(listen(-1, 1), EBADF);
	CHECK_ERR(shutdown(0, 0), ENOTSOCK);
	CHECK_ERR(send(0, buf, 1, 0), ENOTSOCK);
	CHECK_ERR(recv(987, buf, 1, 0), EBADF);
}

static void test_connection(void)
{
	int l = un_listener(SOCK_STREAM, "con", 5), c, a, v = 0;
	socklen_t len = sizeof(v);
	char buf[32];
	struct sockaddr_un name;

	CHECK_EQ(getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &v, &len), 0);
	CHECK_EQ(v, 1);
	CHECK_EQ(poll_now(l), 0);
	fcntl(l, F_SETFL, O_NONBLOCK);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(un_connect(c, "con"), 0);
	CHECK_EQ(poll_now(l), POLLIN);
	CHECK_EQ(poll_now(c), POLLOUT);
	CHECK_ERR(un_connect(c, "con"), EISCONN);
	CHECK_EQ(write(c, "early", 5), 5);
	len = sizeof(name);
	memset(&name, 7, sizeof(name));
	a = accept4(l, (struct sockaddr *)&name, &len, SOCK_CLOEXEC);
	CHECK(a >= 0);
	CHECK_EQ(len, 2);
	CHECK_EQ(name.sun_family, AF_UNIX);
	CHECK_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(a, F_GETFL), O_RDWR);
	CHECK_EQ(read(a, buf, sizeof(buf)), 5);
	CHECK_EQ(write(a, "answer", 6), 6);
	CHECK_EQ(read(c, buf, sizeof(buf)), 6);
	len = sizeof(v);
	getsockopt(a, SOL_SOCKET, SO_ACCEPTCONN, &v, &len);
	CHECK_EQ(v, 0);
	CHECK_ERR(accept4(l, NULL, NULL, 1), EINVAL);
	CHECK_ERR(un_connect(l, "con"), EINVAL);
	CHECK_EQ(poll_now(l), 0);
	close(l);
	CHECK_EQ(write(c, "still", 5), 5);
	CHECK_EQ(read(a, buf, sizeof(buf)), 5);
	close(c);
	CHECK_EQ(read(a, buf, sizeof(buf)), 0);
	close(a);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(un_connect(c, "con"), ECONNREFUSED);
	close(c);
	unlink("con");
}

static int connect_nonblock(const char *path)
{
	int c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (un_connect(c, path) == 0)
		return c;
	close(c);
	return -1;
}

static void *connect_later(void *arg)
{
	int c = socket(AF_UNIX, SOCK_STREAM, 0);

	*(int *)arg = un_connect(c, "backlog");
	return (void *)(long)c;
}

static void test_backlog(void)
{
	int l = un_listener(SOCK_STREAM, "backlog", 2), c[3], result = -2, s;
	struct timeval tv = { 0, 20000 };
	pthread_t t;
	void *late;

	for (int i = 0; i < 3; i++)
		CHECK((c[i] = connect_nonblock("backlog")) >= 0);
	CHECK_ERR(connect_nonblock("backlog"), EAGAIN);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	CHECK_ERR(un_connect(s, "backlog"), EAGAIN);
	close(s);
	pthread_create(&t, NULL, connect_later, &result);
	usleep(20000);
	CHECK_EQ(result, -2);
	s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	pthread_join(t, &late);
	CHECK_EQ(result, 0);
	close((int)(long)late);
	CHECK_EQ(listen(l, 3), 0);
	CHECK((s = connect_nonblock("backlog")) >= 0);
	close(s);
	/* Those that were not accepted are reset. */
	close(l);
	CHECK_EQ(poll_now(c[1]), POLLIN | POLLOUT | POLLHUP | POLLERR | POLLRDHUP);
	CHECK_ERR(recv(c[1], &tv, 1, 0), ECONNRESET);
	CHECK_EQ(recv(c[1], &tv, 1, 0), 0);
	CHECK_ERR(send(c[2], &tv, 1, MSG_NOSIGNAL), EPIPE);
	for (int i = 0; i < 3; i++)
		close(c[i]);
	unlink("backlog");
}

static void test_ends(void)
{
	int p[2], err = 7;
	socklen_t len = sizeof(err);
	char buf[8];

	atomic_store(&nr_sigpipe, 0);
	pair_open(SOCK_STREAM, p);
	CHECK_EQ(write(p[0], "ab", 2), 2);
	close(p[0]);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	CHECK_EQ(read(p[1], buf, 1), 1);
	CHECK_EQ(read(p[1], buf, 8), 1);
	CHECK_EQ(read(p[1], buf, 8), 0);
	CHECK_EQ(recv(p[1], buf, 8, MSG_DONTWAIT), 0);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(atomic_load(&nr_sigpipe), 1);
	CHECK_ERR(send(p[1], "x", 1, 0), EPIPE);
	CHECK_EQ(atomic_load(&nr_sigpipe), 2);
	CHECK_ERR(send(p[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(atomic_load(&nr_sigpipe), 2);
	close(p[1]);
	/* Unread bytes at the end of the other side are a reset. */
	pair_open(SOCK_STREAM, p);
	CHECK_EQ(write(p[1], "unread", 6), 6);
	CHECK_EQ(write(p[0], "read", 4), 4);
	close(p[0]);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLHUP | POLLERR | POLLRDHUP);
	CHECK_EQ(read(p[1], buf, 8), 4);
	CHECK_ERR(read(p[1], buf, 8), ECONNRESET);
	CHECK_EQ(read(p[1], buf, 8), 0);
	close(p[1]);
	pair_open(SOCK_STREAM, p);
	CHECK_EQ(write(p[1], "unread", 6), 6);
	close(p[0]);
	CHECK_EQ(getsockopt(p[1], SOL_SOCKET, SO_ERROR, &err, &len), 0);
	CHECK_EQ(err, ECONNRESET);
	CHECK_EQ(getsockopt(p[1], SOL_SOCKET, SO_ERROR, &err, &len), 0);
	CHECK_EQ(err, 0);
	CHECK_EQ(read(p[1], buf, 8), 0);
	close(p[1]);
}

static void test_shutdown(void)
{
	int p[2];
	char buf[8];

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(write(p[0], "abc", 3), 3);
	CHECK_EQ(shutdown(p[0], SHUT_WR), 0);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(poll_now(p[0]), POLLOUT);
	CHECK_ERR(send(p[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(read(p[1], buf, 8), 3);
	CHECK_EQ(read(p[1], buf, 8), 0);
	CHECK_EQ(write(p[1], "back", 4), 4);
	CHECK_EQ(read(p[0], buf, 8), 4);
	CHECK_EQ(shutdown(p[0], SHUT_RD), 0);
	CHECK_EQ(poll_now(p[0]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	CHECK_EQ(read(p[0], buf, 8), 0);
	CHECK_ERR(send(p[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(poll_now(p[1]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	pair_close(p);
	pair_open(SOCK_STREAM, p);
	CHECK_EQ(write(p[1], "kept", 4), 4);
	CHECK_EQ(shutdown(p[0], SHUT_RD), 0);
	CHECK_EQ(read(p[0], buf, 8), 4);
	CHECK_EQ(read(p[0], buf, 8), 0);
	CHECK_EQ(shutdown(p[0], SHUT_RDWR), 0);
	CHECK_EQ(shutdown(p[0], SHUT_RDWR), 0);
	pair_close(p);
}

static void test_shutdown_listener(void)
{
	int l = un_listener(SOCK_STREAM, "shut", 5), c = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK_EQ(shutdown(l, SHUT_RD), 0);
	CHECK_ERR(accept(l, NULL, NULL), EINVAL);
	CHECK_ERR(un_connect(c, "shut"), ECONNREFUSED);
	close(l);
	close(c);
	unlink("shut");
}

static void test_full(void)
{
	static char big[65536];
	int p[2], n, size = 0;
	long total = 0, got = 0;
	ssize_t r;

	pair_open(SOCK_STREAM, p);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	while ((r = write(p[0], big, sizeof(big))) > 0)
		total += r;
	CHECK(r == -1 && errno == EAGAIN);
	CHECK(total >= 65536 && total < 1000000);
	CHECK_EQ(poll_now(p[0]), 0);
	CHECK_EQ(ioctl(p[1], FIONREAD, &n), 0);
	CHECK_EQ(n, total);
	CHECK_EQ(ioctl(p[0], SIOCOUTQ, &size), 0);
	CHECK(size >= total);
	while (got < total && (r = read(p[1], big, sizeof(big))) > 0)
		got += r;
	CHECK_EQ(got, total);
	CHECK_EQ(poll_now(p[0]), POLLOUT);
	CHECK_EQ(ioctl(p[0], SIOCOUTQ, &size), 0);
	CHECK_EQ(size, 0);
	pair_close(p);
}

struct flow {
	int fd;
	size_t len;
};

static void *write_flow(void *arg)
{
	struct flow *f = arg;
	static unsigned char block[50000];
	size_t done = 0;

	while (done < f->len) {
		size_t n = f->len - done < sizeof(block) ? f->len - done : sizeof(block);
		ssize_t r;

		for (size_t i = 0; i < n; i++)
			block[i] = (unsigned char)((done + i) * 7 >> 3);
		r = write(f->fd, block, n);
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	close(f->fd);
	return NULL;
}

/* Many buffers' worth through a pair, to blocked ends: every byte in its place. */
static void test_flow(void)
{
	static unsigned char buf[30011];
	struct flow f = { .len = 3000000 };
	size_t done = 0, bad = 0;
	ssize_t r;
	int p[2];
	pthread_t t;

	pair_open(SOCK_STREAM, p);
	f.fd = p[0];
	pthread_create(&t, NULL, write_flow, &f);
	while ((r = read(p[1], buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < r; i++)
			bad += buf[i] != (unsigned char)((done + (size_t)i) * 7 >> 3);
		done += (size_t)r;
	}
	CHECK_EQ(done, f.len);
	CHECK_EQ(bad, 0);
	pthread_join(t, NULL);
	close(p[1]);
}

static long ms_since(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - t->tv_sec) * 1000 + (now.tv_nsec - t->tv_nsec) / 1000000;
}

static void test_timeouts(void)
{
	struct timeval tv = { 0, 30000 };
	struct timespec start;
	static char big[300000];
	int p[2], l;
	char buf[4];

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK_ERR(read(p[0], buf, 4), EAGAIN);
	CHECK(ms_since(&start) >= 29);
	CHECK_EQ(write(p[1], "ab", 2), 2);
	CHECK_EQ(recv(p[0], buf, 4, MSG_WAITALL), 2);
	CHECK(write(p[0], big, sizeof(big)) > 0);
	CHECK_ERR(write(p[0], big, sizeof(big)), EAGAIN);
	pair_close(p);
	l = un_listener(SOCK_STREAM, "time", 1);
	CHECK_EQ(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	close(l);
	unlink("time");
}

static atomic_bool was_interrupted;

/* One of them comes while the other thread waits. */
static void *interrupt(void *arg)
{
	while (!atomic_load(&was_interrupted)) {
		usleep(20000);
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
	}
	return NULL;
}

static int recv_interrupted(int fd, const struct timeval *timeout)
{
	pthread_t self = pthread_self(), t;
	int r, error;
	char c;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, sizeof(*timeout));
	atomic_store(&was_interrupted, false);
	pthread_create(&t, NULL, interrupt, &self);
	r = (int)recv(fd, &c, 1, 0);
	error = errno;
	atomic_store(&was_interrupted, true);
	pthread_join(t, NULL);
	errno = error;
	return r;
}

static void test_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct timeval none = { 0, 0 }, some = { 1000, 0 };
	int p[2];

	pair_open(SOCK_STREAM, p);
	sigaction(SIGUSR1, &sa, NULL);
	CHECK_ERR(recv_interrupted(p[0], &none), EINTR);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
	/* With a time-out a call is not restarted (signal(7)). */
	CHECK_ERR(recv_interrupted(p[0], &some), EINTR);
	pair_close(p);
}

static void test_epoll(void)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP }, got;
	int ep = epoll_create1(0), p[2];
	char buf[8];

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLOUT);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	CHECK_EQ(write(p[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLIN | EPOLLOUT);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	CHECK_EQ(write(p[1], "b", 1), 1);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(read(p[0], buf, 1), 1);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	CHECK_EQ(shutdown(p[1], SHUT_WR), 0);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	close(p[1]);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(got.events, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
	close(p[0]);
	close(ep);
}

static void test_sendfile(void)
{
	int p[2], pipes[2], f = open("sent", O_RDWR | O_CREAT, 0600);
	char buf[32];
	off_t off = 2;

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(write(f, "0123456789", 10), 10);
	CHECK_EQ(sendfile(p[0], f, &off, 5), 5);
	CHECK_EQ(off, 7);
	CHECK_EQ(read(p[1], buf, sizeof(buf)), 5);
	CHECK(memcmp(buf, "23456", 5) == 0);
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(write(pipes[1], "through", 7), 7);
	CHECK_EQ(splice(pipes[0], NULL, p[0], NULL, 7, 0), 7);
	CHECK_EQ(splice(p[1], NULL, pipes[1], NULL, 100, 0), 7);
	CHECK_EQ(read(pipes[0], buf, sizeof(buf)), 7);
	CHECK(memcmp(buf, "through", 7) == 0);
	pair_close(pipes);
	pair_close(p);
	close(f);
}

static int child_echo(void *arg)
{
	int *p = arg;
	char buf[16];

	close(p[0]);
	if (read(p[1], buf, sizeof(buf)) != 4 || memcmp(buf, "ping", 4) != 0)
		return 1;
	return write(p[1], "pong!", 5) != 5;
}

static void test_fork(void)
{
	char buf[16];
	int p[2];

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(write(p[0], "ping", 4), 4);
	CHECK_EQ(in_child(child_echo, p), 0);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 5);
	CHECK_EQ(recv(p[0], buf, 1, MSG_DONTWAIT), -1);
	close(p[1]);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 0);
	close(p[0]);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGPIPE, &sa, NULL);
	scratch_enter();
	test_pair();
	test_pair_flags();
	test_vectors();
	test_flags();
	test_peek_off();
	test_states();
	test_connection();
	test_backlog();
	test_ends();
	test_shutdown();
	test_shutdown_listener();
	test_full();
	test_flow();
	test_timeouts();
	test_signals();
	test_epoll();
	test_sendfile();
	test_fork();
	return check_done();
}
