/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of the C library, by whatever way they reach the kernel: the number in a move of five bytes
 * (getppid), in one of two (read: its number is zero), in a register (syscall(3)), and two calls
 * that do something (a byte through a pipe). The least of several rounds.
 */
#include <sys/syscall.h>
#include <unistd.h>
#include "measure.h"

#define CALLS 100000

static int ends[2];

static void call_getppid(void)
{
	getppid();
}

static void call_read(void)
{
	char c;

	if (read(-1, &c, 1) == 0)
		_exit(1);
}

static void call_syscall(void)
{
	syscall(SYS_getppid);
}

static void call_pipe(void)
{
	char c = 0;

	if (write(ends[1], &c, 1) != 1 || read(ends[0], &c, 1) != 1)
		_exit(1);
}

static void measure(const char *name, void (*body)(void), long times)
{
	double ns = measure_best_ns(body, times), cycles = 0;

	for (int round = 0; round < MEASURE_ROUNDS; round++) {
		uint64_t start = measure_cycles();
		double each;

		for (long i = 0; i < times; i++)
			body();
		each = (double)(measure_cycles() - start) / (double)times;
		if (round == 0 || each < cycles)
			cycles = each;
	}
	printf("%s-cycles %.1f cycles\n", name, cycles);
	printf("%s-rate %.3f M/s\n", name, 1000 / ns);
}

int main(void)
{
	if (pipe(ends) != 0)
		return 1;
	measure("getppid", call_getppid, CALLS);
	measure("read", call_read, CALLS);
	measure("syscall", call_syscall, CALLS);
	measure("pipe", call_pipe, CALLS / 5);
	return 0;
}
