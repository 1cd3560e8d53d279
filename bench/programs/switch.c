/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes and switching: one byte through a pipe by one thread, a round trip between two threads by
 * two pipes and by a futex, sched_yield, large transfers.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "measure.h"

static int to[2], from[2], own[2];
static atomic_int turn;
static char block[65536];

static void transfer(int fd_out, int fd_in, size_t len)
{
	if (write(fd_out, block, len) != (ssize_t)len || read(fd_in, block, len) != (ssize_t)len)
		exit(1);
}

static void pipe_alone(void)
{
	transfer(own[1], own[0], 1);
}

static void pipe_large(void)
{
	transfer(own[1], own[0], sizeof(block));
}

static void pipe_round_trip(void)
{
	transfer(to[1], from[0], 1);
}

static void *echo(void *unused)
{
	char c;

	while (read(to[0], &c, 1) == 1 && write(from[1], &c, 1) == 1)
		;
	return unused;
}

static void pass_turn(int me)
{
	atomic_store(&turn, !me);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	while (atomic_load(&turn) != me)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !me, NULL, NULL, 0);
}

static void futex_round_trip(void)
{
	pass_turn(0);
}

static void *futex_partner(void *unused)
{
	while (atomic_load(&turn) != 1)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	for (;;)
		pass_turn(1);
	return unused;
}

static void yield(void)
{
	sched_yield();
}

int main(void)
{
	pthread_t thread;

	if (pipe(to) || pipe(from) || pipe(own))
		return 1;
	printf("pipe-byte %.0f ns\n", measure_best_ns(pipe_alone, 20000));
	printf("pipe-64KiB %.0f ns\n", measure_best_ns(pipe_large, 1000));
	printf("sched_yield %.0f ns\n", measure_best_ns(yield, 20000));
	pthread_create(&thread, NULL, echo, NULL);
	printf("pipe-round-trip %.0f ns\n", measure_best_ns(pipe_round_trip, 3000));
	pthread_create(&thread, NULL, futex_partner, NULL);
	printf("futex-round-trip %.0f ns\n", measure_best_ns(futex_round_trip, 3000));
	fflush(stdout);
	_exit(0);
}
