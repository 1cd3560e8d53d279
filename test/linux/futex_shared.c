/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Futexes between processes: a word is the same one wherever it is mapped (anonymous shared memory
 * over fork, a file, a memfd), private words are not, and robust lists tell the other process of an
 * owner's death.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "asleep.h"

struct shared {
	atomic_int word, ready, go, other;
	atomic_uint pi;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	int count;
};

static struct shared *shm;

static long futex(void *at, int op, unsigned int value, const void *timeout, void *second)
{
	return syscall(SYS_futex, at, op, value, timeout, second, 0);
}

static struct shared *map_shared(int fd, off_t offset)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, flags, fd, offset);

	return p == MAP_FAILED ? NULL : p;
}

/* Wakes until somebody was woken. */
static long wake_one(void *word, int op)
{
	long r;

	while ((r = futex(word, op, 1, NULL, NULL)) == 0)
		child_pause_ms(5);
	return r;
}

static int wait_on(void *word)
{
	struct timespec limit = { .tv_sec = 1000 };

	return futex(word, FUTEX_WAIT, 0, &limit, NULL) ? errno : 0;
}

static int wait_private(void *word)
{
	return futex(word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL) ? errno : 0;
}

/* A child waits on the word by its own private key: no waker here reaches it. */
static void check_private(void *word)
{
	pid_t pid = child_start(wait_private, word);

	await_asleep(pid);
	CHECK_EQ(futex(word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL), 0);
	CHECK_EQ(futex(word, FUTEX_WAKE, 1, NULL, NULL), 0);
	kill(pid, SIGKILL);
	CHECK_EQ(child_wait(pid), 1000 + SIGKILL);
}

static void test_anonymous(void)
{
	struct shared *s = map_shared(-1, 0);
	static atomic_int own;
	pid_t pid = child_start(wait_on, &s->word);

	CHECK_EQ(wake_one(&s->word, FUTEX_WAKE), 1);
	CHECK_EQ(child_wait(pid), 0);
	/* A private operation on shared memory means this process's word only. */
	check_private(&s->word);
	/* Private memory at the same address is another word. */
	check_private(&own);
	/* Another offset of the same object is another word. */
	pid = child_start(wait_on, &s->word);
	await_asleep(pid);
	CHECK_EQ(futex(&s->other, FUTEX_WAKE, 1, NULL, NULL), 0);
	CHECK_EQ(futex((char *)&s->word + 4096, FUTEX_WAKE, 1, NULL, NULL), 0);
	CHECK_EQ(wake_one(&s->word, FUTEX_WAKE), 1);
	CHECK_EQ(child_wait(pid), 0);
	munmap(s, 8192);
}

static int wait_mapping(void *fd)
{
	struct shared *s = map_shared(*(int *)fd, 4096); /* the second page, elsewhere */

	return s == NULL ? 99 : wait_on(&s->word);
}

static void check_file(int fd)
{
	struct shared *s = map_shared(fd, 0);
	pid_t pid = child_start(wait_mapping, &fd);

	CHECK(s != NULL);
	CHECK_EQ(wake_one((char *)&s->word + 4096, FUTEX_WAKE), 1);
	CHECK_EQ(child_wait(pid), 0);
	pid = child_start(wait_mapping, &fd);
	await_asleep(pid);
	munmap(s, 8192);
	s = map_shared(fd, 4096); /* mapped anew: the same word */
	CHECK_EQ(wake_one(&s->word, FUTEX_WAKE), 1);
	CHECK_EQ(child_wait(pid), 0);
	munmap(s, 8192);
}

static void test_files(void)
{
	int fd = open("words", O_RDWR | O_CREAT, 0600), memfd = memfd_create("words", 0);

	CHECK_EQ(ftruncate(fd, 16384), 0);
	CHECK_EQ(ftruncate(memfd, 16384), 0);
	check_file(fd);
	check_file(memfd);
	close(fd);
	close(memfd);
}

static atomic_int waiting_tid;

static void *wait_thread(void *word)
{
	atomic_store(&waiting_tid, gettid());
	return (void *)(long)wait_on(word);
}

static pthread_t start_waiting(void *word)
{
	pthread_t thread;

	atomic_store(&waiting_tid, 0);
	pthread_create(&thread, NULL, wait_thread, word);
	while (!atomic_load(&waiting_tid))
		child_pause_ms(1);
	await_thread_asleep(atomic_load(&waiting_tid));
	return thread;
}

/* The mapping, the file and its name go while a thread waits on it. */
static void test_unmapped(void)
{
	int fd = open("gone", O_RDWR | O_CREAT, 0600);
	struct shared *s;
	pthread_t thread;

	CHECK_EQ(ftruncate(fd, 8192), 0);
	s = map_shared(fd, 0);
	thread = start_waiting(&s->word);
	unlink("gone");
	close(fd);
	CHECK_EQ(futex(&s->word, FUTEX_WAKE, 1, NULL, NULL), 1);
	pthread_join(thread, NULL);
	thread = start_waiting(&s->word);
	munmap(s, 8192);
	pthread_kill(thread, SIGURG); /* ignored: it goes on waiting */
	CHECK_ERR(futex(&s->word, FUTEX_WAKE, 1, NULL, NULL), EFAULT);
	CHECK_EQ(pthread_tryjoin_np(thread, NULL), EBUSY);
}

static int requeue_waiter(void *word)
{
	atomic_fetch_add(&shm->ready, 1);
	return wait_on(word);
}

static void test_requeue(void)
{
	pid_t pids[4];

	shm = map_shared(-1, 0);
	for (int i = 0; i < 4; i++)
		pids[i] = child_start(requeue_waiter, &shm->word);
	while (atomic_load(&shm->ready) < 4)
		child_pause_ms(1);
	for (int i = 0; i < 4; i++)
		await_asleep(pids[i]);
	CHECK_ERR(syscall(SYS_futex, &shm->word, FUTEX_CMP_REQUEUE, 1, 2l, &shm->other, 7), EAGAIN);
	CHECK_EQ(syscall(SYS_futex, &shm->word, FUTEX_CMP_REQUEUE, 1, 2l, &shm->other, 0), 3);
	CHECK_EQ(futex(&shm->other, FUTEX_WAKE, 10, NULL, NULL), 2);
	CHECK_EQ(futex(&shm->word, FUTEX_WAKE, 10, NULL, NULL), 1);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(child_wait(pids[i]), 0);
	munmap(shm, 8192);
}

/* ---- pthread's own, shared ---- */

#define ROUNDS 500

static int add(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		if (pthread_mutex_lock(&shm->mutex) != 0)
			return 1;
		shm->count++;
		if (i % 50 == 0)
			sched_yield();
		pthread_mutex_unlock(&shm->mutex);
	}
	pthread_barrier_wait(&shm->barrier);
	return 0;
}

static void check_mutex(int protocol)
{
	pthread_barrierattr_t battr;
	pthread_mutexattr_t attr;
	pid_t pids[3];

	shm = map_shared(-1, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	CHECK_EQ(pthread_mutexattr_setprotocol(&attr, protocol), 0);
	CHECK_EQ(pthread_mutex_init(&shm->mutex, &attr), 0);
	pthread_barrierattr_init(&battr);
	pthread_barrierattr_setpshared(&battr, PTHREAD_PROCESS_SHARED);
	CHECK_EQ(pthread_barrier_init(&shm->barrier, &battr, 3), 0);
	for (int i = 0; i < 3; i++)
		pids[i] = child_start(add, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(child_wait(pids[i]), 0);
	CHECK_EQ(shm->count, 3 * ROUNDS);
	munmap(shm, 8192);
}

/* ---- an owner dies ---- */

/* The parent says go, then waits for what is held here. */
static void end_when_awaited(void)
{
	while (!atomic_load(&shm->go))
		child_pause_ms(1);
	if (atomic_load(&shm->go) == 1)
		await_asleep(getppid());
}

static int die_holding(void *how)
{
	if (pthread_mutex_lock(&shm->mutex) != 0)
		return 1;
	atomic_store(&shm->ready, 1);
	end_when_awaited();
	if (*(int *)how == SIGKILL)
		raise(SIGKILL);
	if (*(int *)how == SIGCHLD)
		execl("/bin/true", "true", NULL);
	return 0;
}

static void check_robust(int protocol, int how)
{
	pthread_mutexattr_t attr;
	int expected = how == SIGKILL ? 1000 + SIGKILL : 0;
	pid_t pid;

	shm = map_shared(-1, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setprotocol(&attr, protocol);
	CHECK_EQ(pthread_mutex_init(&shm->mutex, &attr), 0);
	pid = child_start(die_holding, &how);
	while (!atomic_load(&shm->ready))
		child_pause_ms(1);
	CHECK_EQ(pthread_mutex_trylock(&shm->mutex), EBUSY);
	atomic_store(&shm->go, 1);
	CHECK_EQ(pthread_mutex_lock(&shm->mutex), EOWNERDEAD); /* waits for its death */
	CHECK_EQ(pthread_mutex_consistent(&shm->mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(&shm->mutex), 0);
	CHECK_EQ(pthread_mutex_lock(&shm->mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(&shm->mutex), 0);
	CHECK_EQ(child_wait(pid), expected);
	/* Dead before anybody asks. */
	atomic_store(&shm->go, 2);
	CHECK_EQ(child_run(die_holding, &how), expected);
	CHECK_EQ(pthread_mutex_lock(&shm->mutex), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_unlock(&shm->mutex), 0);
	CHECK_EQ(pthread_mutex_lock(&shm->mutex), ENOTRECOVERABLE);
	munmap(shm, 8192);
}

static int hold_pi(void *unused)
{
	(void)unused;
	if (futex(&shm->pi, FUTEX_LOCK_PI, 0, NULL, NULL) != 0)
		return 1;
	atomic_store(&shm->ready, 1);
	end_when_awaited();
	return 0;
}

/* A PI futex that is on no robust list: who waits gets it all the same. */
static void test_pi_owner_dies(void)
{
	pid_t pid;

	shm = map_shared(-1, 0);
	pid = child_start(hold_pi, NULL);
	while (!atomic_load(&shm->ready))
		child_pause_ms(1);
	CHECK_EQ(atomic_load(&shm->pi), pid);
	atomic_store(&shm->go, 1);
	CHECK_EQ(futex(&shm->pi, FUTEX_LOCK_PI, 0, NULL, NULL), 0);
	CHECK_EQ(atomic_load(&shm->pi), (unsigned int)getpid() | FUTEX_OWNER_DIED | FUTEX_WAITERS);
	CHECK_EQ(futex(&shm->pi, FUTEX_UNLOCK_PI, 0, NULL, NULL), 0);
	CHECK_EQ(atomic_load(&shm->pi), 0);
	CHECK_EQ(child_wait(pid), 0);
	/* Nobody waited: the word names a task that is gone. */
	atomic_store(&shm->go, 2);
	CHECK_EQ(child_run(hold_pi, NULL), 0);
	CHECK_ERR(futex(&shm->pi, FUTEX_LOCK_PI, 0, NULL, NULL), ESRCH);
	CHECK_ERR(futex(&shm->pi, FUTEX_TRYLOCK_PI, 0, NULL, NULL), ESRCH);
	munmap(shm, 8192);
}

static int lock_each(void *unused)
{
	(void)unused;
	for (int i = 0; i < 200; i++) {
		unsigned int none = 0;

		if (!atomic_compare_exchange_strong(&shm->pi, &none, (unsigned int)getpid()) &&
		    futex(&shm->pi, FUTEX_LOCK_PI, 0, NULL, NULL) != 0)
			return 1;
		shm->count++;
		none = (unsigned int)getpid();
		if (!atomic_compare_exchange_strong(&shm->pi, &none, 0) &&
		    futex(&shm->pi, FUTEX_UNLOCK_PI, 0, NULL, NULL) != 0)
			return 2;
	}
	return 0;
}

static void test_pi_contended(void)
{
	pid_t pids[4];

	shm = map_shared(-1, 0);
	for (int i = 0; i < 4; i++)
		pids[i] = child_start(lock_each, NULL);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(child_wait(pids[i]), 0);
	CHECK_EQ(shm->count, 800);
	CHECK_EQ(atomic_load(&shm->pi), 0);
	munmap(shm, 8192);
}

int main(void)
{
	scratch_enter();
	test_anonymous();
	test_files();
	test_requeue();
	check_mutex(PTHREAD_PRIO_NONE);
	check_mutex(PTHREAD_PRIO_INHERIT);
	check_robust(PTHREAD_PRIO_NONE, 0);
	check_robust(PTHREAD_PRIO_NONE, SIGKILL);
	check_robust(PTHREAD_PRIO_NONE, SIGCHLD);
	check_robust(PTHREAD_PRIO_INHERIT, 0);
	check_robust(PTHREAD_PRIO_INHERIT, SIGKILL);
	test_pi_owner_dies();
	test_pi_contended();
	test_unmapped();
	return check_done();
}
