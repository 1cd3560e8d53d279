/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PI futexes in depth: FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI, circles, the order of
 * hand-over, the priority that an owner borrows (seen in /proc/self/task/<tid>/stat), errors.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include "asleep.h"

static atomic_uint cond, lock, second;
static atomic_int nr_waiting, nr_got, order[8], waiters[8];
static bool realtime; /* may use SCHED_FIFO */
static int usual;     /* priority_of() who is no such thread */

static long futex(void *at, int op, unsigned int value, const void *timeout, void *to)
{
	return syscall(SYS_futex, at, op, value, timeout, to, 0);
}

static long requeue(unsigned int nr_wake, long nr_requeue, unsigned int expected)
{
	return syscall(SYS_futex, &cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, nr_wake, nr_requeue, &lock,
		       expected);
}

/* The caller is about to wait. */
static void say_waiting(void)
{
	atomic_store(&waiters[atomic_fetch_add(&nr_waiting, 1)], gettid());
}

static void expect_waiters(void)
{
	atomic_store(&nr_waiting, 0);
	for (int i = 0; i < 8; i++)
		atomic_store(&waiters[i], 0);
}

static void await_waiters(int nr)
{
	for (int i = 0; i < nr; i++) {
		while (!atomic_load(&waiters[i]))
			child_pause_ms(1);
		await_thread_asleep(atomic_load(&waiters[i]));
	}
}

static void *wait_requeue(void *unused)
{
	long r;

	say_waiting();
	r = futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &lock);
	if (r == 0 && (atomic_load(&lock) & FUTEX_TID_MASK) == (unsigned int)gettid()) {
		atomic_fetch_add(&nr_got, 1);
		futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL);
	}
	(void)unused;
	return (void *)r;
}

static void start_waiters(pthread_t *threads, int nr)
{
	expect_waiters();
	atomic_store(&nr_got, 0);
	for (int i = 0; i < nr; i++)
		pthread_create(&threads[i], NULL, wait_requeue, NULL);
	await_waiters(nr);
}

static void test_requeue(void)
{
	pthread_t threads[4];

	/* The lock is free: one gets it at once, the others wait for it in turn. */
	start_waiters(threads, 4);
	CHECK_ERR(requeue(1, 10, 5), EAGAIN);
	CHECK_ERR(requeue(2, 10, 0), EINVAL);
	CHECK_ERR(requeue(1, -1, 0), EINVAL);
	CHECK_ERR(futex(&cond, FUTEX_WAKE_PRIVATE, 1, NULL, NULL), EINVAL);
	CHECK_EQ(requeue(1, 10, 0), 4);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(atomic_load(&nr_got), 4);
	CHECK_EQ(atomic_load(&lock), 0);
	CHECK_EQ(requeue(1, 10, 0), 0);
	/* It is held: all wait for it. */
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	start_waiters(threads, 3);
	CHECK_EQ(requeue(1, 0, 0), 1);
	CHECK_EQ(requeue(1, 10, 0), 2);
	child_pause_ms(30);
	CHECK_EQ(atomic_load(&nr_got), 0);
	CHECK_EQ(atomic_load(&lock), (unsigned int)gettid() | FUTEX_WAITERS);
	CHECK_ERR(futex(&lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL), EINVAL);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(atomic_load(&nr_got), 3);
	CHECK_EQ(atomic_load(&lock), 0);
}

static void *wait_plain(void *unused)
{
	(void)unused;
	say_waiting();
	return (void *)futex(&cond, FUTEX_WAIT_PRIVATE, 0, NULL, NULL);
}

static void test_mismatch(void)
{
	struct timespec past = { .tv_sec = 1 };
	pthread_t thread;
	void *r;

	CHECK_ERR(futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &cond), EINVAL);
	CHECK_ERR(futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 3, NULL, &lock), EAGAIN);
	CHECK_ERR(futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, &past, &lock), ETIMEDOUT);
	CHECK_ERR(syscall(SYS_futex, &cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 1l, &cond, 0), EINVAL);
	/* A plain waiter cannot be moved to a PI futex, nor a PI one to a plain futex. */
	expect_waiters();
	pthread_create(&thread, NULL, wait_plain, NULL);
	await_waiters(1);
	CHECK_ERR(requeue(1, 1, 0), EINVAL);
	CHECK_EQ(futex(&cond, FUTEX_WAKE_PRIVATE, 1, NULL, NULL), 1);
	pthread_join(thread, NULL);
	start_waiters(&thread, 1);
	CHECK_ERR(syscall(SYS_futex, &cond, FUTEX_CMP_REQUEUE_PRIVATE, 0, 1l, &second, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex, &cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 1l, &second, 0),
		  EINVAL);
	CHECK_EQ(requeue(1, 0, 0), 1);
	pthread_join(thread, &r);
	CHECK_EQ((long)r, 0);
	CHECK_EQ(atomic_load(&lock), 0);
}

static atomic_int nr_signals;

static void note(int sig)
{
	(void)sig;
	atomic_fetch_add(&nr_signals, 1);
}

struct timed {
	struct timespec until;
	atomic_int result; /* -1 until it has ended */
};

static void *wait_timed(void *arg)
{
	struct timed *t = arg;

	say_waiting();
	t->result = futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, &t->until, &lock) ? errno : 0;
	return NULL;
}

/* Until it waits, or its time is up: on a slow machine that may come first. */
static void await_timed(struct timed *t)
{
	while (task_state(getpid(), atomic_load(&waiters[0])) != 'S' && t->result == -1)
		child_pause_ms(1);
}

static pthread_t start_timed(struct timed *t, int seconds)
{
	pthread_t thread;

	t->result = -1;
	clock_gettime(CLOCK_MONOTONIC, &t->until);
	t->until.tv_sec += seconds;
	expect_waiters();
	pthread_create(&thread, NULL, wait_timed, t);
	while (!atomic_load(&waiters[0]))
		child_pause_ms(1);
	await_timed(t);
	return thread;
}

/* A signal before the move: it goes on. How many were moved before their time was up? */
static long requeue_timed(struct timed *t, int seconds)
{
	pthread_t thread = start_timed(t, seconds);
	long moved;

	atomic_store(&nr_signals, 0);
	pthread_kill(thread, SIGUSR1);
	while (!atomic_load(&nr_signals) && t->result == -1)
		child_pause_ms(1);
	await_timed(t);
	moved = requeue(1, 0, 0);
	pthread_join(thread, NULL);
	return moved;
}

/* Time and signals after the move. */
static void test_interrupted(void)
{
	struct sigaction sa = { .sa_handler = note };
	struct timed t;
	pthread_t thread;
	int seconds = 1;

	sigaction(SIGUSR1, &sa, NULL);
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	thread = start_timed(&t, 1000);
	CHECK_EQ(requeue(1, 0, 0), 1);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	CHECK_EQ(t.result, EAGAIN);
	while (requeue_timed(&t, seconds) != 1)
		seconds *= 2;
	CHECK_EQ(t.result, ETIMEDOUT);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	CHECK_EQ(atomic_load(&lock), 0);
}

/* ---- circles ---- */

static void *lock_second_then_first(void *out)
{
	futex(&second, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL);
	say_waiting();
	*(int *)out = futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL) ? errno : 0;
	futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL);
	futex(&second, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL);
	return NULL;
}

static void test_circle(void)
{
	pthread_t thread;
	int result = -1;

	expect_waiters();
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	pthread_create(&thread, NULL, lock_second_then_first, &result);
	await_waiters(1);
	CHECK_ERR(futex(&second, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), EDEADLK);
	CHECK_ERR(futex(&second, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL), EAGAIN);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	pthread_join(thread, NULL);
	CHECK_EQ(result, 0);
	CHECK_EQ(atomic_load(&lock), 0);
	CHECK_EQ(atomic_load(&second), 0);
}

/* ---- priorities ---- */

static int set_fifo(pid_t tid, int priority)
{
	struct sched_param param = { .sched_priority = priority };

	return sched_setscheduler(tid, priority ? SCHED_FIFO : SCHED_OTHER, &param);
}

/* The 18th field of stat: 20 + nice, or -1 - the real-time priority. */
static long priority_of(pid_t tid)
{
	char path[64], text[512] = "", *at;
	long value = 999;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (f == NULL)
		return value;
	if (fgets(text, sizeof(text), f) && (at = strrchr(text, ')')) != NULL)
		sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %ld",
		       &value);
	fclose(f);
	return value;
}

struct contender {
	int priority, index;
	void *word;
	atomic_int tid;
	pthread_t thread;
};

static void *contend(void *arg)
{
	struct contender *c = arg;

	if (c->priority != 0)
		set_fifo(0, c->priority);
	atomic_store(&c->tid, gettid());
	if (futex(c->word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL) == 0) {
		atomic_store(&order[atomic_fetch_add(&nr_got, 1)], c->index);
		futex(c->word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL);
	}
	return NULL;
}

static void start_contender(struct contender *c, int index, int priority, void *word)
{
	*c = (struct contender){ .priority = priority, .index = index, .word = word };
	pthread_create(&c->thread, NULL, contend, c);
	while (!atomic_load(&c->tid))
		child_pause_ms(1);
	await_thread_asleep(atomic_load(&c->tid));
}

static void test_order(void)
{
	static const int priorities[4] = { 0, 10, 30, 20 };
	struct contender c[4];

	atomic_store(&nr_got, 0);
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	for (int i = 0; i < 4; i++)
		start_contender(&c[i], i, realtime ? priorities[i] : 0, &lock);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(c[i].thread, NULL);
	CHECK_EQ(atomic_load(&nr_got), 4);
	CHECK_EQ(atomic_load(&order[0]), realtime ? 2 : 0);
	CHECK_EQ(atomic_load(&order[1]), realtime ? 3 : 1);
	CHECK_EQ(atomic_load(&order[2]), realtime ? 1 : 2);
	CHECK_EQ(atomic_load(&order[3]), realtime ? 0 : 3);
}

static void test_boost(void)
{
	struct contender c[3];

	if (!realtime)
		return;
	atomic_store(&nr_got, 0);
	CHECK_EQ(priority_of(gettid()), usual);
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	start_contender(&c[0], 0, 0, &lock);
	CHECK_EQ(priority_of(gettid()), usual);
	start_contender(&c[1], 1, 40, &lock);
	CHECK_EQ(priority_of(gettid()), -41);
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER); /* it is only lent */
	start_contender(&c[2], 2, 30, &lock);
	CHECK_EQ(priority_of(gettid()), -41);
	CHECK_EQ(set_fifo(atomic_load(&c[2].tid), 60), 0);
	CHECK_EQ(priority_of(gettid()), -61);
	CHECK_EQ(set_fifo(atomic_load(&c[2].tid), 0), 0);
	CHECK_EQ(priority_of(gettid()), -41);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	CHECK_EQ(priority_of(gettid()), usual);
	for (int i = 0; i < 3; i++)
		pthread_join(c[i].thread, NULL);
	CHECK_EQ(atomic_load(&order[0]), 1);
	CHECK_EQ(atomic_load(&lock), 0);
}

static atomic_int middle_tid, middle_go;

/* Holds `second`, wants `lock`. */
static void *middle(void *unused)
{
	futex(&second, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL);
	atomic_store(&middle_tid, gettid());
	futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL);
	while (!atomic_load(&middle_go))
		child_pause_ms(1);
	futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL);
	futex(&second, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL);
	return unused;
}

/* Through a chain of two locks. */
static void test_chain(void)
{
	struct contender c;
	pthread_t thread;

	if (!realtime)
		return;
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	pthread_create(&thread, NULL, middle, NULL);
	while (!atomic_load(&middle_tid))
		child_pause_ms(1);
	await_thread_asleep(atomic_load(&middle_tid));
	start_contender(&c, 0, 50, &second);
	CHECK_EQ(priority_of(atomic_load(&middle_tid)), -51);
	CHECK_EQ(priority_of(gettid()), -51);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	CHECK_EQ(priority_of(gettid()), usual);
	CHECK_EQ(priority_of(atomic_load(&middle_tid)), -51);
	atomic_store(&middle_go, 1);
	pthread_join(thread, NULL);
	pthread_join(c.thread, NULL);
	CHECK_EQ(atomic_load(&lock), 0);
	CHECK_EQ(atomic_load(&second), 0);
}

static void test_errors(void)
{
	struct timespec past = { .tv_sec = 1 }, bad = { .tv_nsec = -1 };

	atomic_store(&lock, 0x3ffffff);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), ESRCH);
	CHECK_ERR(futex(&lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL), ESRCH);
	CHECK_ERR(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), EPERM);
	atomic_store(&lock, 0);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, &bad, NULL), EINVAL);
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI2_PRIVATE, 0, &past, NULL), 0);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI2_PRIVATE, 0, &past, NULL), EDEADLK);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI2_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &past, NULL), 0);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), 0);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &past, NULL),
		  ENOSYS);
	CHECK_ERR(futex(&lock, FUTEX_WAIT_PRIVATE | FUTEX_CLOCK_REALTIME, 1, &past, NULL), ENOSYS);
	CHECK_ERR(futex(&lock, FUTEX_WAKE_PRIVATE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL), ENOSYS);
	CHECK_ERR(futex((char *)&lock + 2, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), EINVAL);
	CHECK_ERR(futex((void *)4096, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL), EFAULT);
	CHECK_ERR(futex((void *)4096, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL), EFAULT);
	CHECK_ERR(futex(&lock, 99, 0, NULL, NULL), ENOSYS);
}

int main(void)
{
	realtime = set_fifo(0, 5) == 0;
	set_fifo(0, 0);
	usual = (int)priority_of(gettid());
	CHECK_EQ(usual, 20 + getpriority(PRIO_PROCESS, 0));
	test_requeue();
	test_mismatch();
	test_interrupted();
	test_circle();
	test_order();
	test_boost();
	test_chain();
	test_errors();
	return check_done();
}
