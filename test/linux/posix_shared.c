/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library's IPC over shared memory: shm_open, named and unnamed semaphores, mutexes,
 * condition variables and barriers between processes.
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include "asleep.h"

#define NR_CHILDREN 4
#define ROUNDS      200

static char name[64];

struct common {
	pthread_mutex_t lock, robust;
	pthread_cond_t changed;
	pthread_barrier_t barrier;
	sem_t sem;
	int counter, turn, done;
};

static struct common *c;

static void test_shm_open(void)
{
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600), again;
	struct stat st;

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_EQ(ftruncate(fd, sizeof(*c)), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	again = shm_open(name, O_RDONLY, 0);
	CHECK(again >= 0);
	close(again);
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(c != MAP_FAILED);
	close(fd);
	CHECK_EQ(shm_unlink(name), 0);
	CHECK_ERR(shm_unlink(name), ENOENT);
	CHECK_ERR(shm_open(name, O_RDWR, 0), ENOENT);
}

/* ---- semaphores ---- */

static int post_named(void *arg)
{
	sem_t *s = sem_open(name, 0);

	(void)arg;
	await_asleep(getppid());
	return s != SEM_FAILED && sem_post(s) == 0 ? 0 : 1;
}

static int wait_unnamed(void *arg)
{
	(void)arg;
	return sem_wait(&c->sem);
}

static void test_semaphores(void)
{
	sem_t *s = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
	struct timespec soon;
	pid_t pids[NR_CHILDREN];
	int value;

	CHECK(s != SEM_FAILED);
	CHECK(sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == EEXIST);
	CHECK(sem_open(name, O_CREAT, 0600, 1) == s);
	CHECK_EQ(sem_wait(s), 0);
	CHECK_ERR(sem_trywait(s), EAGAIN);
	clock_gettime(CLOCK_REALTIME, &soon);
	CHECK_ERR(sem_timedwait(s, &soon), ETIMEDOUT);
	pids[0] = child_start(post_named, NULL);
	CHECK_EQ(sem_wait(s), 0);
	CHECK_EQ(child_wait(pids[0]), 0);
	CHECK_EQ(sem_unlink(name), 0);
	CHECK_ERR(sem_unlink(name), ENOENT);
	CHECK_EQ(sem_close(s), 0);
	CHECK_EQ(sem_init(&c->sem, 1, 0), 0);
	for (int i = 0; i < NR_CHILDREN; i++)
		pids[i] = child_start(wait_unnamed, NULL);
	for (int i = 0; i < NR_CHILDREN; i++)
		await_asleep(pids[i]);
	for (int i = 0; i < NR_CHILDREN; i++)
		CHECK_EQ(sem_post(&c->sem), 0);
	for (int i = 0; i < NR_CHILDREN; i++)
		CHECK_EQ(child_wait(pids[i]), 0);
	CHECK_EQ(sem_getvalue(&c->sem, &value), 0);
	CHECK_EQ(value, 0);
}

/* ---- mutexes and their kin ---- */

static void init_common(void)
{
	pthread_mutexattr_t m;
	pthread_condattr_t cond;
	pthread_barrierattr_t b;

	pthread_mutexattr_init(&m);
	CHECK_EQ(pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED), 0);
	CHECK_EQ(pthread_mutex_init(&c->lock, &m), 0);
	CHECK_EQ(pthread_mutexattr_setrobust(&m, PTHREAD_MUTEX_ROBUST), 0);
	CHECK_EQ(pthread_mutex_init(&c->robust, &m), 0);
	pthread_condattr_init(&cond);
	CHECK_EQ(pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED), 0);
	CHECK_EQ(pthread_cond_init(&c->changed, &cond), 0);
	pthread_barrierattr_init(&b);
	CHECK_EQ(pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED), 0);
	CHECK_EQ(pthread_barrier_init(&c->barrier, &b, NR_CHILDREN), 0);
}

static int count_up(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&c->barrier);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&c->lock);
		c->counter++;
		pthread_mutex_unlock(&c->lock);
	}
	return 0;
}

/* Each in its turn. */
static int take_turns(void *arg)
{
	int me = (int)(size_t)arg;

	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&c->lock);
		while (c->turn != me)
			pthread_cond_wait(&c->changed, &c->lock);
		c->turn = (me + 1) % NR_CHILDREN;
		c->done++;
		pthread_cond_broadcast(&c->changed);
		pthread_mutex_unlock(&c->lock);
	}
	return 0;
}

static int die_with_lock(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&c->robust);
	raise(SIGKILL);
	return 0;
}

static void run_all(int (*fn)(void *))
{
	pid_t pids[NR_CHILDREN];

	for (size_t i = 0; i < NR_CHILDREN; i++)
		pids[i] = child_start(fn, (void *)i);
	for (int i = 0; i < NR_CHILDREN; i++)
		CHECK_EQ(child_wait(pids[i]), 0);
}

static void test_mutexes(void)
{
	init_common();
	run_all(count_up);
	CHECK_EQ(c->counter, NR_CHILDREN * ROUNDS);
	run_all(take_turns);
	CHECK_EQ(c->done, NR_CHILDREN * 20);
	CHECK_EQ(child_run(die_with_lock, NULL), 1000 + SIGKILL);
	CHECK_EQ(pthread_mutex_lock(&c->robust), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(&c->robust), 0);
	CHECK_EQ(pthread_mutex_unlock(&c->robust), 0);
	CHECK_EQ(pthread_mutex_lock(&c->robust), 0);
	CHECK_EQ(pthread_mutex_unlock(&c->robust), 0);
}

int main(void)
{
	snprintf(name, sizeof(name), "/hull-test-%d", (int)getpid());
	(void)shm_unlink(name); /* of one that was killed */
	(void)sem_unlink(name);
	test_shm_open();
	test_semaphores();
	test_mutexes();
	return check_done();
}
