/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the measuring programs share: time, cycles, the best of several rounds. Each prints lines of
 * `name value unit`, which bench/run sets beside the same program's on the host.
 */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline int64_t measure_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static inline uint64_t measure_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

#define MEASURE_ROUNDS 5

/* The least nanoseconds of one body(), of MEASURE_ROUNDS rounds of `times` calls. */
static inline double measure_best_ns(void (*body)(void), long times)
{
	double best = 0;

	for (int round = 0; round < MEASURE_ROUNDS; round++) {
		int64_t start = measure_now_ns();
		double each;

		for (long i = 0; i < times; i++)
			body();
		each = (double)(measure_now_ns() - start) / (double)times;
		if (round == 0 || each < best)
			best = each;
	}
	return best;
}
