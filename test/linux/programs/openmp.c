/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OpenMP: a reduction, a critical section, tasks; whatever the number of threads, the same output.
 */
#include <omp.h>
#include <stdio.h>

static long fibonacci(int n)
{
	long a, b;

	if (n < 15)
		return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
#pragma omp task shared(a)
	a = fibonacci(n - 1);
#pragma omp task shared(b)
	b = fibonacci(n - 2);
#pragma omp taskwait
	return a + b;
}

int main(void)
{
	long sum = 0, result = 0;
	int nr_threads = 0;

	omp_set_num_threads(4);
#pragma omp parallel for reduction(+ : sum)
	for (long i = 1; i <= 2000000; i++)
		sum += i % 7;
#pragma omp parallel
	{
#pragma omp critical
		nr_threads++;
#pragma omp single
		result = fibonacci(22);
	}
	printf("sum %ld threads %d fibonacci %ld\n", sum, nr_threads, result);
	return 0;
}
