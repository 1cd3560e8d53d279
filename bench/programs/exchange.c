/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processes: round trips of a byte and a one-way stream through a pipe, UNIX stream and
 * datagram sockets, a futex in shared memory; and a context switch, as half of a round trip of
 * sched_yield.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "measure.h"

#define STREAM_MIB 256
#define BLOCK      65536

static int to[2], from[2];
static atomic_int *turn;
static char block[BLOCK];

static void round_trip(void)
{
	char c = 1;

	if (write(to[1], &c, 1) != 1 || read(from[0], &c, 1) != 1)
		exit(1);
}

static void echo(void)
{
	char c;

	while (read(to[0], &c, 1) == 1 && write(from[1], &c, 1) == 1)
		;
}

static void drain(void)
{
	while (read(to[0], block, BLOCK) > 0)
		;
}

static pid_t partner(void (*body)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		body();
		_exit(0);
	}
	if (pid < 0)
		exit(1);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(to[0]);
	close(to[1]);
	close(from[0]);
	close(from[1]);
}

/* Both channels: a pipe (type 0), or sockets of that type. */
static void open_channels(int type)
{
	int err = type ? socketpair(AF_UNIX, type, 0, to) | socketpair(AF_UNIX, type, 0, from)
		       : pipe(to) | pipe(from);

	if (err)
		exit(1);
}

static void measure_round_trip(const char *name, int type)
{
	pid_t pid;

	open_channels(type);
	pid = partner(echo);
	printf("%s-ping-pong %.0f ns\n", name, measure_best_ns(round_trip, 3000));
	end(pid);
}

static void measure_stream(const char *name, int type)
{
	int64_t start;
	double best = 0, rate;
	pid_t pid;

	open_channels(type);
	pid = partner(drain);
	for (int round = 0; round < MEASURE_ROUNDS; round++) {
		start = measure_now_ns();
		for (long i = 0; i < (STREAM_MIB << 20) / MEASURE_ROUNDS / BLOCK; i++)
			if (write(to[1], block, BLOCK) != BLOCK)
				exit(1);
		rate = (double)STREAM_MIB / MEASURE_ROUNDS /
		       ((double)(measure_now_ns() - start) / 1e9);
		best = rate > best ? rate : best;
	}
	printf("%s-throughput %.0f MiB/s\n", name, best);
	end(pid);
}

static void pass_turn(int me)
{
	atomic_store(turn, !me);
	syscall(SYS_futex, turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	while (atomic_load(turn) != me)
		syscall(SYS_futex, turn, FUTEX_WAIT, !me, NULL, NULL, 0);
}

static void futex_mine(void)
{
	pass_turn(0);
}

static void futex_theirs(void)
{
	for (;;)
		pass_turn(1);
}

static void yield_mine(void)
{
	atomic_store(turn, 1);
	while (atomic_load(turn) != 0)
		sched_yield();
}

static void yield_theirs(void)
{
	for (;;) {
		while (atomic_load(turn) != 1)
			sched_yield();
		atomic_store(turn, 0);
	}
}

/* On one CPU, so that each round trip is two switches. */
static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(void)
{
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (turn == MAP_FAILED)
		return 1;
	measure_round_trip("pipe", 0);
	measure_round_trip("unix-stream", SOCK_STREAM);
	measure_round_trip("unix-datagram", SOCK_DGRAM);
	measure_stream("pipe", 0);
	measure_stream("unix-stream", SOCK_STREAM);
	atomic_store(turn, 1);
	pid = partner(futex_theirs);
	printf("futex-ping-pong %.0f ns\n", measure_best_ns(futex_mine, 3000));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pin();
	atomic_store(turn, 0);
	pid = partner(yield_theirs);
	printf("context-switch %.0f ns\n", measure_best_ns(yield_mine, 5000) / 2);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
