/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU-bound and memory-bound work with a checksum: `compute cpu|memory [ROUNDS]`. Prints the
 * checksum on stdout and the seconds that it took on stderr, so that outputs can be compared and
 * times as well.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t compute_cpu(long rounds)
{
	uint64_t x = 88172645463325252ull, sum = 0;

	for (long i = 0; i < rounds * 1000000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		sum += x % 1000003;
	}
	return sum;
}

static uint64_t compute_memory(long rounds)
{
	size_t nr = 8u << 20;
	uint32_t *next = malloc(nr * sizeof(*next));
	uint64_t sum = 0;
	uint32_t at = 0;

	if (!next)
		exit(3);
	for (size_t i = 0; i < nr; i++)
		next[i] = (uint32_t)((i * 2654435761u + 12345) & (nr - 1));
	for (long i = 0; i < rounds * 1000000; i++) {
		at = next[at];
		sum += at;
	}
	free(next);
	return sum;
}

int main(int argc, char **argv)
{
	long rounds = argc > 2 ? atol(argv[2]) : 100;
	struct timespec from, to;
	uint64_t sum;

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (argc > 1 && !strcmp(argv[1], "memory"))
		sum = compute_memory(rounds);
	else
		sum = compute_cpu(rounds);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%016lx\n", (unsigned long)sum);
	fprintf(stderr, "%.6f\n",
		(double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec));
	return 0;
}
