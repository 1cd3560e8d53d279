/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a second CPU brings: an OpenMP stencil and a malloc-heavy program, each with one thread
 * and with two. The time for the same work, and how many times faster two threads are.
 */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include "measure.h"

#define SIDE       1024
#define STEPS      60
#define ROUNDS     400
#define LIVE       1000
#define ALLOCATORS 2

static float grid[2][SIDE][SIDE];

static double stencil_ms(int threads)
{
	int64_t start = measure_now_ns();

	omp_set_num_threads(threads);
	for (int step = 0; step < STEPS; step++) {
		float(*from)[SIDE] = grid[step % 2], (*to)[SIDE] = grid[1 - step % 2];

#pragma omp parallel for schedule(static)
		for (int y = 1; y < SIDE - 1; y++)
			for (int x = 1; x < SIDE - 1; x++)
				to[y][x] = 0.2f * (from[y][x] + from[y][x - 1] + from[y][x + 1] +
						   from[y - 1][x] + from[y + 1][x]) +
					   0.01f;
	}
	return (double)(measure_now_ns() - start) / 1e6;
}

/* Blocks of many sizes, some beyond what malloc keeps: mmap, brk and page faults. */
static long churn(unsigned state)
{
	static _Thread_local char *live[LIVE];
	long sum = 0;

	for (int round = 0; round < ROUNDS * LIVE / ALLOCATORS; round++) {
		size_t slot, size;

		state = state * 1103515245u + 12345u;
		slot = (state >> 8) % LIVE;
		size = round % 2000 == 0 ? 1u << 20 : 16 + (state >> 16) % 2000;
		free(live[slot]);
		live[slot] = malloc(size);
		if (!live[slot])
			exit(1);
		memset(live[slot], round, size);
		sum += live[slot][size / 2];
	}
	for (size_t i = 0; i < LIVE; i++) {
		free(live[i]);
		live[i] = NULL;
	}
	return sum;
}

static double malloc_ms(int threads)
{
	int64_t start = measure_now_ns();
	long sum = 0;

	omp_set_num_threads(threads);
#pragma omp parallel for schedule(static) reduction(+ : sum)
	for (int i = 0; i < ALLOCATORS; i++)
		sum += churn((unsigned)i + 1);
	return (double)(measure_now_ns() - start) / 1e6 + (sum == 1 ? 1e-9 : 0);
}

static double best(double (*body)(int), int threads)
{
	double least = body(threads);

	for (int i = 1; i < MEASURE_ROUNDS; i++) {
		double ms = body(threads);

		least = ms < least ? ms : least;
	}
	return least;
}

static void report(const char *name, double (*body)(int))
{
	double one = best(body, 1), two = best(body, 2);

	printf("%s-one %.2f ms\n%s-two %.2f ms\n%s-gain %.2f times\n", name, one, name, two, name,
	       one / two);
}

int main(void)
{
	report("openmp", stencil_ms);
	report("malloc", malloc_ms);
	return 0;
}
