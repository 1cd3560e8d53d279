/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory lent to a send (MSG_ZEROCOPY, Documentation/networking/msg_zerocopy.rst), over the
 * loopback, where everybody copies it in the end: which calls have a number, what is told of them,
 * what arrives whatever becomes of the memory, and how much may be lent.
 */
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "check.h"
#include "child.h"

#define SIZE (1u << 20)

static int set(int s, int level, int name, int value)
{
	return setsockopt(s, level, name, &value, sizeof(value));
}

/* Two ends of a connection; the first lends. */
static void connected(int ends[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int l = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(l, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(getsockname(l, (struct sockaddr *)&a, &len), 0);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(set(ends[0], SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	CHECK_EQ(connect(ends[0], (struct sockaddr *)&a, sizeof(a)), 0);
	ends[1] = accept(l, NULL, NULL);
	CHECK(ends[1] >= 0);
	close(l);
}

static void close_both(int ends[2])
{
	close(ends[0]), close(ends[1]);
}

/* Calls [first, last] are told of. False: nothing is. */
static bool told(int s, uint32_t *first, uint32_t *last)
{
	char control[256];
	struct msghdr m = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct sock_extended_err e;

	if (recvmsg(s, &m, MSG_ERRQUEUE | MSG_DONTWAIT) != 0)
		return false;
	memcpy(&e, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(e));
	CHECK((m.msg_flags & MSG_ERRQUEUE) != 0);
	CHECK_EQ(e.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
	CHECK_EQ(e.ee_errno, 0);
	*first = e.ee_info;
	*last = e.ee_data;
	return true;
}

/* Of calls from `next` on, until `nr` in all were told of; none twice. */
static void wait_told(int s, uint32_t next, uint32_t nr)
{
	uint32_t first, last;

	while (next < nr) {
		struct pollfd p = { .fd = s };

		if (!told(s, &first, &last)) {
			CHECK_EQ(poll(&p, 1, -1), 1);
			CHECK_EQ(p.revents & POLLERR, POLLERR);
			continue;
		}
		CHECK_EQ(first, next);
		next = last + 1;
	}
	CHECK_EQ(next, nr);
	CHECK(!told(s, &first, &last));
}

static uint8_t *map(size_t len)
{
	uint8_t *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + i / 4096);
	return p;
}

/* Whether so many bytes of map()'s come. */
static bool arrives(int s, size_t len)
{
	static uint8_t got[SIZE];
	bool same = true;

	CHECK_EQ(recv(s, got, len, MSG_WAITALL), (ssize_t)len);
	for (size_t i = 0; i < len && same; i++)
		same = got[i] == (uint8_t)(i * 7 + i / 4096);
	return same;
}

/* ---- numbers ---- */

static void numbers(void)
{
	int ends[2];
	uint8_t *p = map(4096);

	connected(ends);
	CHECK_EQ(send(ends[0], p, 0, MSG_ZEROCOPY), 0);
	CHECK_ERR(send(ends[0], (void *)16, 100, MSG_ZEROCOPY), EFAULT);
	CHECK_EQ(send(ends[0], p, 100, 0), 100);
	CHECK(arrives(ends[1], 100));
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(send(ends[0], p, 4096, MSG_ZEROCOPY), 4096);
		CHECK(arrives(ends[1], 4096));
	}
	wait_told(ends[0], 0, 10);
	CHECK_EQ(shutdown(ends[0], SHUT_WR), 0);
	CHECK_ERR(send(ends[0], p, 100, MSG_ZEROCOPY | MSG_NOSIGNAL), EPIPE);
	wait_told(ends[0], 10, 10);
	close_both(ends);
	munmap(p, 4096);
}

/* A buffer that is full: the call that found it so has no number. */
static void full(void)
{
	uint8_t *p = map(SIZE);
	uint32_t nr = 0;
	size_t bytes = 0;
	int ends[2];
	ssize_t n;

	connected(ends);
	while ((n = send(ends[0], p, SIZE, MSG_ZEROCOPY | MSG_DONTWAIT)) > 0) {
		bytes += (size_t)n;
		nr++;
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK(nr > 0);
	for (size_t left = bytes; left > 0; left -= (size_t)n) {
		n = recv(ends[1], p, SIZE, 0);
		CHECK(n > 0);
	}
	wait_told(ends[0], 0, nr);
	close_both(ends);
	munmap(p, SIZE);
}

static void inherited(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), s, on = 0;
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(l, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(set(l, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(getsockname(l, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(connect(c, (struct sockaddr *)&a, sizeof(a)), 0);
	s = accept(l, NULL, NULL);
	len = sizeof(on);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_ZEROCOPY, &on, &len), 0);
	CHECK_EQ(on, 1);
	CHECK_EQ(send(s, "abc", 3, MSG_ZEROCOPY), 3);
	CHECK_EQ(recv(c, &a, 3, MSG_WAITALL), 3);
	wait_told(s, 0, 1);
	close(s), close(c), close(l);
}

/* ---- what becomes of the memory ---- */

static void unmapped(void)
{
	int ends[2];

	connected(ends);
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t *p = map(65536);

		CHECK_EQ(send(ends[0], p, 65536, MSG_ZEROCOPY), 65536);
		CHECK_EQ(munmap(p, 65536), 0);
		CHECK(arrives(ends[1], 65536));
	}
	wait_told(ends[0], 0, 4);
	close_both(ends);
}

static int write_over(void *p)
{
	memset(p, 0xaa, 65536);
	return 0;
}

static void forked(void)
{
	uint8_t *p = map(65536);
	pid_t before;
	int ends[2];

	connected(ends);
	before = child_start(write_over, p);
	CHECK_EQ(send(ends[0], p, 65536, MSG_ZEROCOPY), 65536);
	CHECK_EQ(child_run(write_over, p), 0);
	CHECK_EQ(child_wait(before), 0);
	CHECK(arrives(ends[1], 65536));
	wait_told(ends[0], 0, 1);
	p[1] = 1; /* it is the program's again */
	CHECK_EQ(p[1], 1);
	close_both(ends);
	munmap(p, 65536);
}

/* Pages of a file, the zero page, a large one, and one after the other of what is not there. */
static void kinds_of_memory(void)
{
	uint8_t *none = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *large = map(4u << 20), got[8192];
	int ends[2], fd = memfd_create("pages", 0);

	connected(ends);
	CHECK_EQ(write(fd, large, 65536), 65536);
	for (int i = 0; i < 2; i++) {
		uint8_t *file = mmap(NULL, 65536, PROT_READ, i == 0 ? MAP_SHARED : MAP_PRIVATE, fd,
				     0);

		CHECK_EQ(send(ends[0], file, 65536, MSG_ZEROCOPY), 65536);
		CHECK(arrives(ends[1], 65536));
		munmap(file, 65536);
	}
	CHECK_EQ(send(ends[0], none, 8192, MSG_ZEROCOPY), 8192);
	CHECK_EQ(recv(ends[1], got, 8192, MSG_WAITALL), 8192);
	CHECK_EQ(got[0] + got[8191], 0);
	CHECK_EQ(send(ends[0], large, 100000, MSG_ZEROCOPY), 100000);
	CHECK(arrives(ends[1], 100000));
	CHECK_EQ(munmap(none + 4096, 4096), 0);
	CHECK_EQ(send(ends[0], none + 4000, 200, MSG_ZEROCOPY) < 100, 1); /* some, or EFAULT */
	close(fd);
	munmap(none, 4096);
	munmap(large, 4u << 20);
	close_both(ends);
}

/* More pieces than a packet has parts, each in a page of its own, some of no bytes. */
static void pieces(void)
{
	uint8_t *p = map(100 * 4096), got[100 * 50];
	struct iovec v[100];
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 100 };
	size_t same = 0, sum = 0;
	int ends[2];

	connected(ends);
	for (size_t i = 0; i < 100; i++) {
		v[i] = (struct iovec){ p + i * 4096 + i, i % 3 == 0 ? 0 : 50 };
		sum += v[i].iov_len;
	}
	CHECK_EQ(sendmsg(ends[0], &m, MSG_ZEROCOPY), (ssize_t)sum);
	CHECK_EQ(recv(ends[1], got, sum, MSG_WAITALL), (ssize_t)sum);
	for (size_t i = 0, at = 0; i < 100; at += v[i++].iov_len)
		same += memcmp(got + at, v[i].iov_base, v[i].iov_len) == 0;
	CHECK_EQ(same, 100);
	wait_told(ends[0], 0, 1);
	close_both(ends);
	munmap(p, 100 * 4096);
}

/* ---- waiting for it ---- */

static void waited_for(void)
{
	int ends[2], ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLET };
	uint8_t *p = map(4096);

	connected(ends);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &e), 0);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_EQ(send(ends[0], p, 4096, MSG_ZEROCOPY), 4096);
		CHECK(arrives(ends[1], 4096));
		CHECK_EQ(epoll_wait(ep, &e, 1, -1), 1);
		CHECK_EQ(e.events & EPOLLERR, EPOLLERR);
		wait_told(ends[0], i, i + 1);
	}
	close(ep);
	close_both(ends);
	munmap(p, 4096);
}

/* A datagram that is put together from two calls. */
static void corked(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(a);
	uint8_t *p = map(8192), got[8192];

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(connect(s, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(set(s, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	CHECK_EQ(send(s, p, 3000, MSG_ZEROCOPY | MSG_MORE), 3000);
	CHECK_EQ(send(s, p + 3000, 5000, MSG_ZEROCOPY), 5000);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 8000);
	CHECK_EQ(memcmp(p, got, 8000), 0);
	close(s);
	munmap(p, 8192);
}

/* ---- ends ---- */

static void *reset(void *arg)
{
	static const struct linger now = { 1, 0 };
	int s = *(int *)arg;
	char some[5000];

	CHECK(recv(s, some, sizeof(some), MSG_WAITALL) >= 0);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(s);
	return NULL;
}

/* Of all of them, in any order: at a connection's end Linux promises none. */
static void wait_all(int s, uint32_t nr)
{
	uint32_t first, last, sum = 0;

	while (sum < nr) {
		if (told(s, &first, &last))
			sum += last - first + 1;
		else
			child_pause_ms(1); /* poll(2) says that it is over, at once */
	}
	CHECK_EQ(sum, nr);
	CHECK(!told(s, &first, &last));
}

/* The other end goes amid it, and so does the memory; calls that began are told of all the same. */
static void torn(void)
{
	for (int i = 0; i < 30; i++) {
		uint8_t *p = map(SIZE);
		uint32_t nr = 0;
		pthread_t thread;
		int ends[2];

		connected(ends);
		CHECK_EQ(pthread_create(&thread, NULL, reset, &ends[1]), 0);
		while (send(ends[0], p, SIZE / 4, MSG_ZEROCOPY | MSG_NOSIGNAL) > 0)
			nr++;
		CHECK(errno == EPIPE || errno == ECONNRESET || errno == ENOBUFS);
		munmap(p, SIZE);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		if (i % 2 == 0)
			wait_all(ends[0], nr);
		close(ends[0]);
	}
}

/* ---- limits ---- */

/* As a user whom nobody else is: all that a user's processes lent counts. */
static int limited(void *arg)
{
	struct rlimit none = { 0, 0 }, some = { 65536, 65536 };
	uid_t user = 100000 + (uid_t)getpid();
	uint8_t *p = map(SIZE);
	int ends[2];

	connected(ends);
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, arg != NULL ? &some : &none), 0);
	CHECK_EQ(setresuid(user, user, user), 0);
	CHECK_ERR(send(ends[0], p, 65536, MSG_ZEROCOPY), ENOBUFS);
	if (arg == NULL) {
		CHECK_ERR(send(ends[0], p, 1, MSG_ZEROCOPY), ENOBUFS);
		return 0;
	}
	for (uint32_t i = 0; i < 20; i++) {
		CHECK_EQ(send(ends[0], p, 40960, MSG_ZEROCOPY), 40960);
		CHECK(arrives(ends[1], 40960));
		wait_told(ends[0], i, i + 1); /* its pages count no more */
	}
	return 0;
}

static void limits(void)
{
	static char some;

	if (geteuid() != 0)
		return; /* who may not change its name has nobody to be */
	CHECK_EQ(child_run(limited, NULL), 0);
	CHECK_EQ(child_run(limited, &some), 0);
}

int main(void)
{
	numbers();
	full();
	inherited();
	unmapped();
	forked();
	kinds_of_memory();
	pieces();
	waited_for();
	corked();
	torn();
	limits();
	return check_done();
}
