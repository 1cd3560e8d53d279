/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sixty-four threads at once, many more in sequence, preemption of threads that never yield,
	 distinct
 * ids and stacks, and malloc under contention.
 */
#include <pthread.h>
#include <stdint.h>
#include "check.h"

#define NR 64

static atomic_int nr_inside, nr_spinning, total;
static pthread_barrier_t barrier;
static int tids[NR];
static uintptr_t stacks[NR];

static void *meet(void *arg)
{
	long me = (long)arg;
	char here;

	tids[me] = gettid();
	stacks[me] = (uintptr_t)&here;
	atomic_fetch_add(&nr_inside, 1);
	pthread_barrier_wait(&barrier);
	atomic_fetch_sub(&nr_inside, 1);
	return arg;
}

static int nr_duplicates(void)
{
	int nr = 0;

	for (int i = 0; i < NR; i++) {
		for (int j = 0; j < i; j++)
			nr += tids[i] == tids[j] || stacks[i] == stacks[j];
	}
	return nr;
}

static void test_sixty_four(void)
{
	pthread_t threads[NR];
	int created = 0, joined = 0;
	void *result;

	pthread_barrier_init(&barrier, NULL, NR + 1);
	for (long i = 0; i < NR; i++)
		created += pthread_create(&threads[i], NULL, meet, (void *)i) == 0;
	CHECK_EQ(created, NR);
	pthread_barrier_wait(&barrier);
	for (long i = 0; i < NR; i++)
		joined += pthread_join(threads[i], &result) == 0 && (long)result == i;
	CHECK_EQ(joined, NR);
	CHECK_EQ(atomic_load(&nr_inside), 0);
	CHECK_EQ(nr_duplicates(), 0);
	CHECK(tids[0] != getpid());
}

static void *nothing(void *arg)
{
	atomic_fetch_add(&total, 1);
	return arg;
}

static void test_sequence(void)
{
	pthread_t thread;

	for (int i = 0; i < 500; i++) {
		if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
			break;
	}
	CHECK_EQ(atomic_load(&total), 500);
}

/* All of them must run before any may end, and none gives up the CPU by itself. */
static void *spin(void *arg)
{
	atomic_fetch_add(&nr_spinning, 1);
	while (atomic_load(&nr_spinning) < 6)
		;
	return arg;
}

static void test_preemption(void)
{
	pthread_t threads[6];

	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, spin, NULL);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(atomic_load(&nr_spinning), 6);
}

static void *allocate(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg;
	char *blocks[32] = { NULL };
	long bad = 0;

	for (int i = 0; i < 2000; i++) {
		int at = rand_r(&seed) % 32;
		size_t len = (size_t)rand_r(&seed) % 20000 + 1;

		if (blocks[at])
			bad += blocks[at][0] != (char)at;
		free(blocks[at]);
		blocks[at] = malloc(len);
		memset(blocks[at], at, len);
	}
	for (int i = 0; i < 32; i++)
		free(blocks[i]);
	return (void *)bad;
}

static void test_malloc(void)
{
	pthread_t threads[8];
	long bad = 0;
	void *result;

	for (long i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, allocate, (void *)(i + 1));
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &result);
		bad += (long)result;
	}
	CHECK_EQ(bad, 0);
}

int main(void)
{
	test_sixty_four();
	test_sequence();
	test_preemption();
	test_malloc();
	return check_done();
}
