/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SO_MAX_PACING_RATE (socket(7)): how it is set and told, in 32 bits and in 64, and that a stream
 * does not go faster, though nothing else keeps it.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <linux/tcp.h>
#include <sys/socket.h>
#include <time.h>

#include "check.h"
#include "child.h"

#define RATE  (4u << 20)
#define BYTES (6u << 20) /* Linux lets ten segments go before: of the loopback 640 KiB */

static uint64_t rate_of(int s)
{
	uint64_t rate = 1;
	socklen_t len = sizeof(rate);

	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len), 0);
	CHECK_EQ(len, sizeof(rate));
	return rate;
}

static uint32_t small_rate_of(int s)
{
	uint32_t rate = 1;
	socklen_t len = sizeof(rate);

	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len), 0);
	CHECK_EQ(len, sizeof(rate));
	return rate;
}

static int set_small(int s, uint32_t rate)
{
	return setsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate));
}

static int set_large(int s, uint64_t rate)
{
	return setsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate));
}

static void option(int family, int type)
{
	int s = socket(family, type, 0);

	CHECK_EQ(rate_of(s), UINT64_MAX);
	CHECK_EQ(small_rate_of(s), UINT32_MAX);
	CHECK_EQ(set_small(s, 1000), 0);
	CHECK_EQ(rate_of(s), 1000);
	CHECK_EQ(set_large(s, 5ull << 32), 0);
	CHECK_EQ(rate_of(s), 5ull << 32);
	CHECK_EQ(small_rate_of(s), UINT32_MAX);
	CHECK_EQ(set_small(s, UINT32_MAX), 0);
	CHECK_EQ(rate_of(s), UINT64_MAX);
	CHECK_ERR(setsockopt(s, SOL_SOCKET, SO_MAX_PACING_RATE, &s, 3), EINVAL);
	close(s);
}

static int send_all(void *arg)
{
	static char bytes[BYTES];
	size_t sent = 0;
	ssize_t n;

	while (sent < BYTES && (n = send(*(int *)arg, bytes, BYTES - sent, 0)) > 0)
		sent += (size_t)n; /* less at a time, when a debugger or a freezer comes between */
	CHECK_EQ(sent, BYTES);
	return 0;
}

/* Its listener's rate, which TCP_INFO tells as well. */
static void stream(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), s;
	socklen_t len = sizeof(a);
	struct timespec begin, end;
	struct tcp_info info;
	static char got[65536];
	ssize_t n, sum = 0;
	pid_t child;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(l, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(set_small(l, RATE), 0);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(getsockname(l, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(connect(c, (struct sockaddr *)&a, sizeof(a)), 0);
	s = accept(l, NULL, NULL);
	CHECK_EQ(rate_of(s), RATE);
	len = sizeof(info);
	CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	CHECK_EQ(info.tcpi_max_pacing_rate, RATE);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	child = child_start(send_all, &s);
	close(s);
	while ((n = recv(c, got, sizeof(got), 0)) > 0)
		sum += n;
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK_EQ(sum, BYTES);
	CHECK_EQ(child_wait(child), 0);
	CHECK((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 > 1000);
	close(c), close(l);
}

int main(void)
{
	option(AF_INET, SOCK_STREAM);
	option(AF_INET6, SOCK_DGRAM);
	option(AF_UNIX, SOCK_STREAM);
	stream();
	return check_done();
}
