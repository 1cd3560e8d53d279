/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loopback: round trips of a byte between two processes and within one thread, a one-way
 * stream, datagrams sent and received, connections made and closed. UDP and TCP over 127.0.0.1.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "measure.h"

#define STREAM_MIB 256
#define BLOCK      65536

static int here, there, listener;
static struct sockaddr_in where;
static char block[BLOCK];

static void must(int ok)
{
	if (!ok)
		exit(1);
}

static int bound(int type)
{
	int fd = socket(AF_INET, type, 0);
	socklen_t len = sizeof(where);

	where = (struct sockaddr_in){ .sin_family = AF_INET };
	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&where, len) == 0);
	must(getsockname(fd, (struct sockaddr *)&where, &len) == 0);
	return fd;
}

static int connected(int fd)
{
	must(fd >= 0 && connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0);
	return fd;
}

static void open_datagrams(void)
{
	struct sockaddr_in first;

	here = bound(SOCK_DGRAM);
	first = where;
	there = bound(SOCK_DGRAM);
	connected(here);
	where = first;
	connected(there);
}

static void open_streams(void)
{
	int one = 1;

	listener = bound(SOCK_STREAM);
	must(listen(listener, 16) == 0);
	here = connected(socket(AF_INET, SOCK_STREAM, 0));
	there = accept(listener, NULL, NULL);
	must(there >= 0);
	setsockopt(here, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(there, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void finish(void)
{
	close(here);
	close(there);
	close(listener);
	listener = -1;
}

static void round_trip(void)
{
	char c = 1;

	must(write(here, &c, 1) == 1 && read(here, &c, 1) == 1);
}

static void one_way(void)
{
	char c = 1;

	must(write(here, &c, 1) == 1 && read(there, &c, 1) == 1);
}

static void one_connection(void)
{
	int c = connected(socket(AF_INET, SOCK_STREAM, 0)), d = accept(listener, NULL, NULL);

	must(d >= 0);
	close(c);
	close(d);
}

static void echo(void)
{
	char c;

	while (read(there, &c, 1) == 1 && write(there, &c, 1) == 1)
		;
}

static void drain(void)
{
	while (read(there, block, BLOCK) > 0)
		;
}

static pid_t partner(void (*body)(void))
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	finish();
}

static void measure_stream(void)
{
	double best = 0, rate;
	pid_t pid = partner(drain);

	for (int round = 0; round < MEASURE_ROUNDS; round++) {
		int64_t start = measure_now_ns();

		for (long i = 0; i < (STREAM_MIB << 20) / MEASURE_ROUNDS / BLOCK; i++)
			must(write(here, block, BLOCK) == BLOCK);
		rate = (double)STREAM_MIB / MEASURE_ROUNDS /
		       ((double)(measure_now_ns() - start) / 1e9);
		best = rate > best ? rate : best;
	}
	printf("tcp-throughput %.0f MiB/s\n", best);
	end(pid);
}

int main(void)
{
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_datagrams();
	printf("udp-one-way %.0f ns\n", measure_best_ns(one_way, 5000));
	pid = partner(echo);
	printf("udp-ping-pong %.0f ns\n", measure_best_ns(round_trip, 3000));
	end(pid);
	open_streams();
	printf("tcp-one-way %.0f ns\n", measure_best_ns(one_way, 5000));
	pid = partner(echo);
	printf("tcp-ping-pong %.0f ns\n", measure_best_ns(round_trip, 3000));
	end(pid);
	open_streams();
	measure_stream();
	listener = bound(SOCK_STREAM);
	must(listen(listener, 16) == 0);
	printf("tcp-connection %.0f ns\n", measure_best_ns(one_connection, 500));
	return 0;
}
