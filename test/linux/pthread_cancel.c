/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thread cancellation: a signal underneath, an unwind through the clean-up handlers above.
 */
#include <pthread.h>
#include <time.h>
#include "asleep.h"

static atomic_int nr_cleanups, started; /* the thread that has */

static void cleanup(void *by)
{
	atomic_fetch_add(&nr_cleanups, (int)(long)by);
}

static void *wait_in_read(void *fds)
{
	char c;

	pthread_cleanup_push(cleanup, (void *)1);
	atomic_store(&started, gettid());
	if (read(((int *)fds)[0], &c, 1) < 0)
		perror("read");
	pthread_cleanup_pop(0);
	return NULL;
}

static void *wait_in_sleep(void *unused)
{
	struct timespec long_time = { .tv_sec = 1000 };

	pthread_cleanup_push(cleanup, (void *)10);
	atomic_store(&started, gettid());
	nanosleep(&long_time, NULL);
	pthread_cleanup_pop(0);
	return unused;
}

static void *spin_asynchronously(void *unused)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	atomic_store(&started, gettid());
	for (;;)
		;
	return unused;
}

static atomic_bool is_cancelled;

static void *disabled(void *unused)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	atomic_store(&started, gettid());
	while (!atomic_load(&is_cancelled))
		usleep(1000);
	pthread_testcancel();
	return unused;
}

static void *cancel(void *(*body)(void *), void *arg, bool sleeps)
{
	pthread_t thread;
	void *result = NULL;

	atomic_store(&started, 0);
	atomic_store(&is_cancelled, false);
	pthread_create(&thread, NULL, body, arg);
	while (atomic_load(&started) == 0)
		usleep(1000);
	if (sleeps)
		await_thread_asleep(atomic_load(&started));
	CHECK_EQ(pthread_cancel(thread), 0);
	atomic_store(&is_cancelled, true);
	CHECK_EQ(pthread_join(thread, &result), 0);
	return result;
}

int main(void)
{
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	CHECK(cancel(wait_in_read, fds, true) == PTHREAD_CANCELED);
	CHECK_EQ(atomic_load(&nr_cleanups), 1);
	CHECK(cancel(wait_in_sleep, NULL, true) == PTHREAD_CANCELED);
	CHECK_EQ(atomic_load(&nr_cleanups), 11);
	CHECK(cancel(spin_asynchronously, NULL, false) == PTHREAD_CANCELED);
	CHECK(cancel(disabled, fds, false) == fds);
	return check_done();
}
