/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex(2), raw: wait, wake, bitsets, both kinds of time-out, requeue, cmp_requeue, wake_op,
	 errors.
 */
#include <linux/futex.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include "asleep.h"

#define MOST_WAITERS 8

static atomic_int word, other, nr_woken, nr_waiting, waiters[MOST_WAITERS];

static long futex(void *at, int op, unsigned int value, const void *timeout, void *second)
{
	return syscall(SYS_futex, at, op, value, timeout, second, 0);
}

static void *waiter(void *bits)
{
	unsigned int mask = (unsigned int)(long)bits;
	long r;

	atomic_store(&waiters[atomic_fetch_add(&nr_waiting, 1)], gettid());
	r = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, mask);
	if (r == 0)
		atomic_fetch_add(&nr_woken, 1);
	return (void *)r;
}

static void start(pthread_t *threads, int nr, unsigned int bits)
{
	for (int i = 0; i < nr; i++)
		atomic_store(&waiters[i], 0);
	atomic_store(&nr_waiting, 0), atomic_store(&nr_woken, 0), atomic_store(&word, 0);
	for (int i = 0; i < nr; i++)
		pthread_create(&threads[i], NULL, waiter, (void *)(long)(bits ? bits : 1u << i));
	for (int i = 0; i < nr; i++) {
		while (!atomic_load(&waiters[i]))
			child_pause_ms(1);
		await_thread_asleep(atomic_load(&waiters[i]));
	}
}

static void join(pthread_t *threads, int nr)
{
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

static void test_wait_returns(void)
{
	struct timespec short_time = { .tv_nsec = 20000000 }, bad = { .tv_nsec = 1000000000 };
	struct timespec past = { .tv_sec = 1 }, before, after;

	atomic_store(&word, 1);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 0, NULL, NULL), EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK_ERR(futex(&word, FUTEX_WAIT_PRIVATE, 1, &short_time, NULL), ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000000000l + after.tv_nsec - before.tv_nsec >=
	      20000000);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 1, &bad, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 1, &past, NULL, ~0u), ETIMEDOUT);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &past,
			  NULL, ~0u),
		  ETIMEDOUT);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 1, &past, NULL, 0), EINVAL);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL), 0);
}

static void test_wake(void)
{
	pthread_t threads[5];

	start(threads, 5, ~0u);
	CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 2, NULL, NULL), 2);
	while (atomic_load(&nr_woken) < 2)
		child_pause_ms(1);
	child_pause_ms(20);
	CHECK_EQ(atomic_load(&nr_woken), 2);
	CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL), 3);
	join(threads, 5);
	CHECK_EQ(atomic_load(&nr_woken), 5);
}

static void test_bitset(void)
{
	pthread_t threads[4];

	start(threads, 4, 0); /* waiter i waits for bit i */
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, INT_MAX, NULL,
			 NULL, 5),
		 2);
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, INT_MAX, NULL,
			 NULL, 5),
		 0);
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, INT_MAX, NULL,
			 NULL, 10),
		 2);
	join(threads, 4);
}

static void test_requeue(void)
{
	pthread_t threads[4];

	start(threads, 4, ~0u);
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_REQUEUE_PRIVATE, 1, 2, &other, 0), 3);
	CHECK_EQ(futex(&other, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL), 2);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 9, &other, 77), EAGAIN);
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 0, 9, &other, 0), 1);
	CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL), 0);
	CHECK_EQ(futex(&other, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL), 1);
	join(threads, 4);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, -1, 1, &other, 0), EINVAL);
}

static void test_wake_op(void)
{
	pthread_t threads[2];

	start(threads, 2, ~0u);
	atomic_store(&other, 5);
	/* other += 3; wake 1 on word; the old value of other (5) is > 4: wake up to 9 on other */
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_OP_PRIVATE, 1, 9, &other,
			 FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 4)),
		 1);
	CHECK_EQ(atomic_load(&other), 8);
	CHECK_EQ(syscall(SYS_futex, &other, FUTEX_WAKE_OP_PRIVATE, 1, 9, &word,
			 FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)),
		 1);
	CHECK_EQ(atomic_load(&word), 1);
	join(threads, 2);
}

static void test_errors(void)
{
	CHECK_ERR(futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL), EINVAL);
	CHECK_ERR(futex((void *)4, FUTEX_WAIT, 0, NULL, NULL), EFAULT);
	CHECK_ERR(futex((void *)0xffffffff80000000ul, FUTEX_WAIT, 0, NULL, NULL), EFAULT);
	CHECK_ERR(futex(&word, FUTEX_WAIT, (unsigned)atomic_load(&word), (void *)1, NULL), EFAULT);
	CHECK_ERR(futex(&word, 120, 0, NULL, NULL), ENOSYS);
	CHECK_ERR(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, NULL, NULL), ENOSYS);
}

static void ignore(int sig)
{
	(void)sig;
}

static void *interrupter(void *thread)
{
	while (!atomic_load(&nr_woken)) {
		await_thread_asleep(getpid());
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
		child_pause_ms(1);
	}
	return NULL;
}

static void test_interrupted(void)
{
	struct sigaction sa = { .sa_handler = ignore };
	struct timespec long_time = { .tv_sec = 1000 };
	pthread_t thread, self = pthread_self();
	int error;

	sigaction(SIGUSR1, &sa, NULL);
	atomic_store(&word, 0), atomic_store(&nr_woken, 0);
	pthread_create(&thread, NULL, interrupter, &self);
	error = futex(&word, FUTEX_WAIT, 0, &long_time, NULL) ? errno : 0;
	atomic_store(&nr_woken, 1);
	pthread_join(thread, NULL); /* no more signals, which might interrupt what CHECK writes */
	CHECK_EQ(error, EINTR);
}

int main(void)
{
	test_wait_returns();
	test_wake();
	test_bitset();
	test_requeue();
	test_wake_op();
	test_errors();
	test_interrupted();
	return check_done();
}
