/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX threads as programs use them: create, join, detach, TLS, keys, once, mutex kinds, condition
 * variables, rwlocks, barriers, semaphores.
 */
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include "check.h"

static __thread int tls_value = 5;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int nr_once, nr_destroyed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t semaphore;
static int shared_count, turn;

static void count_once(void)
{
	atomic_fetch_add(&nr_once, 1);
}

static void destroy(void *value)
{
	(void)value;
	atomic_fetch_add(&nr_destroyed, 1);
}

static void *basic(void *arg)
{
	pthread_once(&once, count_once);
	pthread_setspecific(key, arg);
	tls_value += (int)(long)arg;
	return (void *)(long)tls_value;
}

static void test_create_join(void)
{
	pthread_t threads[4];
	void *result;

	CHECK_EQ(pthread_key_create(&key, destroy), 0);
	for (long i = 1; i <= 4; i++)
		CHECK_EQ(pthread_create(&threads[i - 1], NULL, basic, (void *)i), 0);
	for (long i = 1; i <= 4; i++) {
		CHECK_EQ(pthread_join(threads[i - 1], &result), 0);
		CHECK_EQ((long)result, 5 + i);
	}
	CHECK_EQ(tls_value, 5);
	CHECK_EQ(atomic_load(&nr_once), 1);
	CHECK_EQ(atomic_load(&nr_destroyed), 4);
}

static void *add(void *unused)
{
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&lock);
		shared_count++;
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

static void run_threads(int nr, void *(*body)(void *))
{
	pthread_t threads[16];

	for (long i = 0; i < nr; i++)
		pthread_create(&threads[i], NULL, body, (void *)i);
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

static void test_mutex(void)
{
	struct timespec soon;
	pthread_mutexattr_t attr;
	pthread_mutex_t recursive, checking;

	run_threads(4, add);
	CHECK_EQ(shared_count, 80000);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &attr);
	CHECK_EQ(pthread_mutex_lock(&recursive), 0);
	CHECK_EQ(pthread_mutex_lock(&recursive), 0);
	CHECK_EQ(pthread_mutex_unlock(&recursive), 0);
	CHECK_EQ(pthread_mutex_unlock(&recursive), 0);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&checking, &attr);
	pthread_mutex_lock(&checking);
	CHECK_EQ(pthread_mutex_lock(&checking), EDEADLK);
	pthread_mutex_lock(&lock);
	CHECK_EQ(pthread_mutex_trylock(&lock), EBUSY);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 10000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	CHECK_EQ(pthread_mutex_timedlock(&lock, &soon), ETIMEDOUT);
	pthread_mutex_unlock(&lock);
}

static void *take_turns(void *me)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 200; i++) {
		while (turn != (int)(long)me)
			pthread_cond_wait(&cond, &lock);
		turn = !turn;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void test_condition(void)
{
	struct timespec past = { .tv_sec = 1 };

	run_threads(2, take_turns);
	CHECK_EQ(turn, 0);
	pthread_mutex_lock(&lock);
	CHECK_EQ(pthread_cond_timedwait(&cond, &lock, &past), ETIMEDOUT);
	pthread_mutex_unlock(&lock);
}

static void *read_and_write(void *me)
{
	for (int i = 0; i < 1000; i++) {
		if (i % 8 == (int)(long)me) {
			pthread_rwlock_wrlock(&rwlock);
			shared_count++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

static void test_rwlock(void)
{
	shared_count = 0;
	run_threads(8, read_and_write);
	CHECK_EQ(shared_count, 1000);
	pthread_rwlock_rdlock(&rwlock);
	CHECK_EQ(pthread_rwlock_tryrdlock(&rwlock), 0);
	CHECK_EQ(pthread_rwlock_trywrlock(&rwlock), EBUSY);
	pthread_rwlock_unlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
}

static void *meet(void *unused)
{
	for (int i = 0; i < 50; i++) {
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			shared_count++;
		sem_post(&semaphore);
	}
	return unused;
}

static void test_barrier_and_semaphore(void)
{
	int posts;

	shared_count = 0;
	pthread_barrier_init(&barrier, NULL, 5);
	sem_init(&semaphore, 0, 0);
	run_threads(5, meet);
	CHECK_EQ(shared_count, 50);
	sem_getvalue(&semaphore, &posts);
	CHECK_EQ(posts, 250);
	CHECK_EQ(sem_wait(&semaphore), 0);
	for (int i = 1; i < posts; i++)
		sem_wait(&semaphore);
	CHECK_ERR(sem_trywait(&semaphore), EAGAIN);
}

static void *detached(void *unused)
{
	sem_post(&semaphore);
	return unused;
}

static void test_detach_and_names(void)
{
	pthread_t thread;
	char name[16];

	pthread_create(&thread, NULL, detached, NULL);
	CHECK_EQ(pthread_detach(thread), 0);
	CHECK_EQ(sem_wait(&semaphore), 0);
	CHECK_EQ(pthread_setname_np(pthread_self(), "renamed"), 0);
	CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
	CHECK_STR(name, "renamed");
}

int main(void)
{
	test_create_join();
	test_mutex();
	test_condition();
	test_rwlock();
	test_barrier_and_semaphore();
	test_detach_and_names();
	return check_done();
}
