/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Priority-inheritance futexes and robust lists: FUTEX_LOCK_PI and its kin, raw and through pthread
 * mutexes, and the hand-over when an owner dies.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include "asleep.h"

static atomic_uint lock;
static atomic_int stage, contender;
static pthread_mutex_t robust;

static long futex(int op, const void *timeout)
{
	return syscall(SYS_futex, &lock, op, 0, timeout, NULL, 0);
}

static void *contend(void *unused)
{
	atomic_store(&stage, 1);
	atomic_store(&contender, gettid());
	if (futex(FUTEX_LOCK_PI_PRIVATE, NULL) == 0) {
		atomic_store(&stage, 2);
		futex(FUTEX_UNLOCK_PI_PRIVATE, NULL);
	}
	return unused;
}

static void *try(void *result)
{
	struct timespec past = { .tv_sec = 1 };
	int *errors = result;

	errors[0] = futex(FUTEX_TRYLOCK_PI_PRIVATE, NULL) ? errno : 0;
	errors[1] = futex(FUTEX_LOCK_PI_PRIVATE, &past) ? errno : 0;
	errors[2] = futex(FUTEX_UNLOCK_PI_PRIVATE, NULL) ? errno : 0;
	return NULL;
}

static void test_raw(void)
{
	pthread_t thread;
	int errors[3];

	CHECK_EQ(futex(FUTEX_LOCK_PI_PRIVATE, NULL), 0);
	CHECK_EQ(atomic_load(&lock) & FUTEX_TID_MASK, gettid());
	CHECK_ERR(futex(FUTEX_LOCK_PI_PRIVATE, NULL), EDEADLK);
	pthread_create(&thread, NULL, try, errors);
	pthread_join(thread, NULL);
	CHECK_EQ(errors[0], EAGAIN);
	CHECK_EQ(errors[1], ETIMEDOUT);
	CHECK_EQ(errors[2], EPERM);
	pthread_create(&thread, NULL, contend, NULL);
	while (!atomic_load(&contender))
		child_pause_ms(1);
	await_thread_asleep(atomic_load(&contender));
	CHECK((atomic_load(&lock) & FUTEX_WAITERS) != 0);
	CHECK_EQ(atomic_load(&stage), 1);
	CHECK_EQ(futex(FUTEX_UNLOCK_PI_PRIVATE, NULL), 0);
	pthread_join(thread, NULL);
	CHECK_EQ(atomic_load(&stage), 2);
	CHECK_EQ(atomic_load(&lock), 0);
	CHECK_EQ(futex(FUTEX_TRYLOCK_PI_PRIVATE, NULL), 0);
	CHECK_EQ(futex(FUTEX_UNLOCK_PI_PRIVATE, NULL), 0);
}

static int shared_count;
static pthread_mutex_t pi;

static void *count(void *unused)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&pi);
		shared_count++;
		pthread_mutex_unlock(&pi);
	}
	return unused;
}

static void test_pthread_pi(void)
{
	pthread_mutexattr_t attr;
	pthread_t threads[4];

	pthread_mutexattr_init(&attr);
	CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
	CHECK_EQ(pthread_mutex_init(&pi, &attr), 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, count, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(shared_count, 20000);
}

static atomic_int nr_owned; /* times that a thread took `robust`, to die with it */

static void *die_with_lock(void *unused)
{
	pthread_mutex_lock(&robust);
	atomic_fetch_add(&nr_owned, 1);
	return unused;
}

static void test_robust(void)
{
	pthread_mutexattr_t attr;
	pthread_t thread;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	pthread_create(&thread, NULL, die_with_lock, NULL);
	pthread_join(thread, NULL);
	CHECK_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(&robust), 0);
	CHECK_EQ(pthread_mutex_unlock(&robust), 0);
	CHECK_EQ(pthread_mutex_lock(&robust), 0);
	CHECK_EQ(pthread_mutex_unlock(&robust), 0);
	pthread_create(&thread, NULL, die_with_lock, NULL);
	while (atomic_load(&nr_owned) < 2)
		child_pause_ms(1);
	CHECK_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_unlock(&robust), 0);
	CHECK_EQ(pthread_mutex_lock(&robust), ENOTRECOVERABLE);
	pthread_join(thread, NULL);
}

static void test_robust_list_calls(void)
{
	void *head = NULL;
	size_t len = 0;

	CHECK_EQ(syscall(SYS_get_robust_list, 0, &head, &len), 0);
	CHECK(head != NULL);
	CHECK_EQ(len, sizeof(struct robust_list_head));
	CHECK_ERR(syscall(SYS_set_robust_list, head, 8), EINVAL);
	CHECK_EQ(syscall(SYS_set_robust_list, head, len), 0);
	CHECK_ERR(syscall(SYS_get_robust_list, 0x3ffffff, &head, &len), ESRCH);
}

int main(void)
{
	test_raw();
	test_pthread_pi();
	test_robust();
	test_robust_list_calls();
	return check_done();
}
