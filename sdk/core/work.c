/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work on threads. Each piece has a thread while it runs; with HULL_WORK_THREADS of them the rest
 * waits, and a thread that is done takes the next. What is done is posted to its loop.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "core/core.h"

struct work {
	struct work *next;
	struct hull_loop *loop;
	void (*fn)(void *user);
	void (*done)(void *user);
	void *user;
	struct hull_post post; /* its memory, so that telling cannot fail */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct work *first, **last = &first; /* [lock] that wait */
static unsigned nr_threads;                 /* [lock] */

static void finished(void *user)
{
	struct work *w = user;

	w->loop->nr_busy--;
	if (w->done != NULL)
		w->done(w->user);
	free(w);
}

static struct work *next_work(void)
{
	struct work *w;

	pthread_mutex_lock(&lock);
	w = first;
	if (w != NULL)
		first = w->next;
	else
		nr_threads--;
	if (first == NULL)
		last = &first;
	pthread_mutex_unlock(&lock);
	return w;
}

static void *run(void *arg)
{
	struct work *w = arg;

	for (; w != NULL; w = next_work()) {
		w->fn(w->user);
		hull_post_own(w->loop, &w->post);
	}
	return NULL;
}

/* Signals are the loops': a thread of work takes none. */
static int start_thread(struct work *w)
{
	sigset_t all, was;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &attr, run, w);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return -err;
}

/* True: it waits for a thread that runs already. */
static bool queue(struct work *w)
{
	bool waits;

	pthread_mutex_lock(&lock);
	waits = nr_threads == HULL_WORK_THREADS;
	if (waits) {
		*last = w;
		last = &w->next;
	} else {
		nr_threads++;
	}
	pthread_mutex_unlock(&lock);
	return waits;
}

int hull_work(void (*fn)(void *user), void (*done)(void *user), void *user)
{
	struct work *w = calloc(1, sizeof(*w));
	int err;

	if (w == NULL)
		return -ENOMEM;
	*w = (struct work){ .loop = hull_loop_here(), .fn = fn, .done = done, .user = user };
	w->post = (struct hull_post){ .fn = finished, .user = w, .is_owned = true };
	err = queue(w) ? 0 : start_thread(w);
	if (err == 0) {
		w->loop->nr_busy++;
		return 0;
	}
	pthread_mutex_lock(&lock);
	nr_threads--;
	pthread_mutex_unlock(&lock);
	free(w);
	return err;
}
