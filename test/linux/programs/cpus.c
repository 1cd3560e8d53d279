/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread for every CPU that the process may use, each bound to its own.
 *
 *	cpus where		each prints where it runs, one after the other
 *	cpus exit STATUS	when all of them spin, one ends the process
 *	cpus spin		they spin until something ends the process
 *	cpus sleep SECONDS	they sleep, and so does the process
 *	cpus count N		they add to one atomic counter, N times each
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum task { WHERE, EXIT, SPIN, SLEEP, COUNT };

static const char *const names[] = { "where", "exit", "spin", "sleep", "count" };

static enum task task;
static long number;
static atomic_int nr_ready, nr_done;
static atomic_long counter;
static int nr_cpus;

static int check(int error, const char *what)
{
	if (error == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	exit(99);
}

static void work(int cpu)
{
	switch (task) {
	case WHERE:
		while (atomic_load(&nr_done) != cpu)
			sched_yield();
		printf("thread %d on CPU %d\n", cpu, sched_getcpu());
		break;
	case EXIT:
		while (cpu != nr_cpus - 1 || atomic_load(&nr_ready) < nr_cpus)
			;
		exit((int)number);
	case SPIN:
		for (;;)
			;
	case SLEEP:
		sleep((unsigned)number);
		break;
	case COUNT:
		for (long i = 0; i < number; i++)
			atomic_fetch_add(&counter, 1);
		break;
	}
}

static void *run(void *argument)
{
	int cpu = (int)(long)argument;
	cpu_set_t own;

	CPU_ZERO(&own);
	CPU_SET((unsigned)cpu, &own);
	check(pthread_setaffinity_np(pthread_self(), sizeof(own), &own), "binding a thread");
	if (sched_getcpu() != cpu)
		check(EINVAL, "a bound thread runs elsewhere");
	atomic_fetch_add(&nr_ready, 1);
	work(cpu);
	atomic_fetch_add(&nr_done, 1);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[CPU_SETSIZE];
	cpu_set_t all;

	while (argc < 2 || strcmp(argv[1], names[task]) != 0)
		if (argc < 2 || ++task > COUNT)
			check(EINVAL, "usage: cpus where|exit|spin|sleep|count [NUMBER]");
	number = argc > 2 ? atol(argv[2]) : 0;
	check(sched_getaffinity(0, sizeof(all), &all) == 0 ? 0 : errno, "sched_getaffinity");
	nr_cpus = CPU_COUNT(&all);
	for (long i = 0; i < nr_cpus; i++)
		check(pthread_create(&threads[i], NULL, run, (void *)i), "a thread");
	if (task == SPIN || task == SLEEP) {
		while (atomic_load(&nr_ready) < nr_cpus)
			sched_yield();
		puts("ready");
		fflush(stdout);
	}
	for (int i = 0; i < nr_cpus; i++)
		check(pthread_join(threads[i], NULL), "joining a thread");
	printf("%d CPUs, counter %ld\n", nr_cpus, atomic_load(&counter));
	return 0;
}
