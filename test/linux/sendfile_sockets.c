/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sendfile(2) and splice(2) to sockets, which may keep the file's pages until they are read: what
 * arrives is the file, from any place in it, with holes, in pieces of any size; what comes through
 * a pipe is what was written into it, though the pipe is used again meanwhile.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "child.h"

#define LEN (1024 * 1024 + 777)

static unsigned char bytes[LEN], got[LEN];

static void connect_pair(int family, int sv[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int l;

	if (family == AF_UNIX) {
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
		return;
	}
	l = socket(AF_INET, SOCK_STREAM, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(l, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(getsockname(l, (struct sockaddr *)&a, &len), 0);
	sv[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(sv[0], (struct sockaddr *)&a, sizeof(a)), 0);
	sv[1] = accept(l, NULL, NULL);
	CHECK(sv[1] >= 0);
	close(l);
}

static int file_of(size_t len)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (unsigned char)(i * 131 + i / 4096);
	CHECK_EQ(write(fd, bytes, len), len);
	return fd;
}

static void *read_all(void *arg)
{
	size_t at = 0;
	ssize_t n;

	memset(got, 0, sizeof(got));
	while (at < LEN && (n = read(*(int *)arg, got + at, LEN - at)) > 0)
		at += (size_t)n;
	return (void *)at;
}

/* From `from` on, to whoever reads beside it. */
static void whole(int family, size_t from)
{
	int sv[2], fd = file_of(LEN);
	off_t at = (off_t)from;
	pthread_t reader;
	void *total;

	connect_pair(family, sv);
	CHECK_EQ(pthread_create(&reader, NULL, read_all, &sv[1]), 0);
	while (at < LEN && sendfile(sv[0], fd, &at, LEN) > 0)
		continue;
	CHECK_EQ(at, LEN);
	shutdown(sv[0], SHUT_WR);
	pthread_join(reader, &total);
	CHECK_EQ((size_t)total, LEN - from);
	CHECK_EQ(memcmp(got, bytes + from, LEN - from), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), LEN); /* the file's own place was not used */
	close(fd), close(sv[0]), close(sv[1]);
}

/* By the file's own place: as much as there is room for, which may come a while after a read. */
static void in_parts(void)
{
	int sv[2], fd = file_of(LEN);
	size_t at = 0;

	connect_pair(AF_INET, sv);
	fcntl(sv[0], F_SETFL, O_NONBLOCK);
	lseek(fd, 0, SEEK_SET);
	while (at < LEN) {
		ssize_t n = sendfile(sv[0], fd, NULL, LEN);
		off_t place = lseek(fd, 0, SEEK_CUR);
		struct pollfd ends[2] = { { sv[0], place < LEN ? POLLOUT : 0, 0 },
					  { sv[1], POLLIN, 0 } };

		if ((n < 0 && errno != EAGAIN) || poll(ends, 2, -1) < 1)
			break;
		n = recv(sv[1], got + at, LEN - at, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		at += n > 0 ? (size_t)n : 0;
		if (place < (off_t)at)
			break;
	}
	CHECK_EQ(at, LEN);
	CHECK_EQ(memcmp(got, bytes, LEN), 0);
	CHECK_ERR(sendfile(sv[0], fd, &(off_t){ -1 }, 1), EINVAL);
	CHECK_EQ(sendfile(sv[0], fd, NULL, 10), 0);
	close(fd), close(sv[0]), close(sv[1]);
}

static void with_holes(void)
{
	static char zeros[65536];
	int sv[2], fd = open("sparse", O_RDWR | O_CREAT | O_TRUNC, 0600);
	off_t at = 100;

	CHECK_EQ(pwrite(fd, "abc", 3, 20000), 3);
	CHECK_EQ(ftruncate(fd, 50000), 0);
	connect_pair(AF_INET, sv);
	CHECK_EQ(sendfile(sv[0], fd, &at, 100000), 49900);
	CHECK_EQ(recv(sv[1], got, 49900, MSG_WAITALL), 49900);
	CHECK_EQ(memcmp(got, zeros, 19900), 0);
	CHECK_EQ(memcmp(got + 19900, "abc", 3), 0);
	CHECK_EQ(memcmp(got + 19903, zeros, 49900 - 19903), 0);
	close(fd), close(sv[0]), close(sv[1]);
}

/* The file goes while its bytes wait in the socket. */
static void removed(void)
{
	int sv[2], fd = file_of(50000);
	off_t at = 0;

	connect_pair(AF_INET, sv);
	CHECK_EQ(sendfile(sv[0], fd, &at, 50000), 50000);
	close(fd);
	CHECK_EQ(unlink("file"), 0);
	CHECK_EQ(recv(sv[1], got, 50000, MSG_WAITALL), 50000);
	CHECK_EQ(memcmp(got, bytes, 50000), 0);
	close(sv[0]), close(sv[1]);
}

/* What has no pages of a file: a text that is made. */
static void made(void)
{
	int sv[2], fd = open("/proc/version", O_RDONLY);
	ssize_t n;

	connect_pair(AF_INET, sv);
	n = sendfile(sv[0], fd, NULL, 100000);
	CHECK(n > 20);
	CHECK_EQ(recv(sv[1], got, (size_t)n, MSG_WAITALL), n);
	CHECK_EQ(memcmp(got, "Linux version ", 14), 0);
	close(fd), close(sv[0]), close(sv[1]);
}

/* A pipe's page that a socket has is not the next writer's. */
static void through_a_pipe(int family)
{
	int sv[2], p[2], nr_wrong = 0;
	char in[3000], out[3000];

	connect_pair(family, sv);
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 20; i++) {
		memset(out, 'a' + i, sizeof(out));
		nr_wrong += write(p[1], out, sizeof(out)) != sizeof(out);
		nr_wrong += splice(p[0], NULL, sv[0], NULL, 2000, 0) != 2000;
		nr_wrong += splice(p[0], NULL, sv[0], NULL, 1000, 0) != 1000;
	}
	CHECK_EQ(nr_wrong, 0);
	for (int i = 0; i < 20; i++) {
		memset(out, 'a' + i, sizeof(out));
		nr_wrong += recv(sv[1], in, sizeof(in), MSG_WAITALL) != sizeof(in);
		nr_wrong += memcmp(in, out, sizeof(in)) != 0;
	}
	CHECK_EQ(nr_wrong, 0);
	close(p[0]), close(p[1]), close(sv[0]), close(sv[1]);
}

/* A datagram is one piece of a file, or none. */
static void datagrams(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_DGRAM, 0), fd = file_of(30000);
	socklen_t len = sizeof(a);
	off_t at = 5;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(sendfile(s, fd, &at, 3000), 3000);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 3000);
	CHECK_EQ(memcmp(got, bytes + 5, 3000), 0);
	close(s), close(fd);
}

int main(void)
{
	scratch_enter();
	whole(AF_INET, 0);
	whole(AF_INET, 4095);
	whole(AF_UNIX, 3);
	in_parts();
	with_holes();
	removed();
	made();
	through_a_pipe(AF_INET);
	through_a_pipe(AF_UNIX);
	datagrams();
	return check_done();
}
