/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop: its turns, its beginning and end, what other threads post. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/core.h"

static __thread struct hull_loop *here;

struct hull_loop *hull_loop_here(void)
{
	return here;
}

const char *hull_backend(void)
{
	return here->backend->name;
}

hull_ns hull_now(void)
{
	return here->now;
}

void hull_loop_read_clock(struct hull_loop *l)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	l->now = (hull_ns)t.tv_sec * HULL_SECOND + (hull_ns)t.tv_nsec;
}

void hull_stop(int status)
{
	here->stops = true;
	here->status = status;
}

/* ---- posts ---- */

static void push(struct hull_loop *l, struct hull_post *p)
{
	p->next = __atomic_load_n(&l->posts, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&l->posts, &p->next, p, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		;
}

void hull_post_own(struct hull_loop *l, struct hull_post *p)
{
	/* What is pushed may end the loop before it is woken. */
	__atomic_add_fetch(&l->nr_posting, 1, __ATOMIC_RELAXED);
	push(l, p);
	if (l != here)
		l->backend->wake(l);
	__atomic_sub_fetch(&l->nr_posting, 1, __ATOMIC_RELEASE);
}

int hull_post(struct hull_loop *loop, void (*fn)(void *user), void *user)
{
	struct hull_post *p = malloc(sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	*p = (struct hull_post){ .fn = fn, .user = user };
	hull_post_own(loop, p);
	return 0;
}

/* In the order of their coming: the list has the last first. */
static struct hull_post *take_posts(struct hull_loop *l)
{
	struct hull_post *p = __atomic_exchange_n(&l->posts, NULL, __ATOMIC_SEQ_CST), *out = NULL;

	while (p != NULL) {
		struct hull_post *next = p->next;

		p->next = out;
		out = p;
		p = next;
	}
	return out;
}

static void run_posts(struct hull_loop *l)
{
	struct hull_post *next;

	for (struct hull_post *p = take_posts(l); p != NULL; p = next) {
		bool is_owned = p->is_owned;

		next = p->next;
		p->fn(p->user);
		if (!is_owned)
			free(p);
	}
}

/* ---- endpoints ---- */

void hull_endpoint_init(struct hull_endpoint *e, enum hull_kind kind, void *user)
{
	e->kind = kind;
	e->loop = here;
	e->user = user;
	e->id = -1;
	list_append(&here->endpoints, &e->link);
	here->nr_busy++;
}

void hull_endpoint_undo(struct hull_endpoint *e)
{
	e->loop->nr_busy--;
	list_remove(&e->link);
}

void hull_endpoint_doom(struct hull_endpoint *e)
{
	e->is_closed = true;
	e->loop->nr_busy--;
	list_remove(&e->link);
	list_append(&e->loop->doomed, &e->link);
}

static void free_doomed(struct hull_loop *l)
{
	struct hull_endpoint *e;

	while ((e = list_first(&l->doomed, struct hull_endpoint, link)) != NULL) {
		list_remove(&e->link);
		if (e->kind == HULL_TCP)
			l->streams->free((struct hull_tcp *)e);
		else if (e->kind == HULL_UDP)
			hull_udp_free((struct hull_udp *)e);
		else
			free(e);
	}
}

/* ---- turns ---- */

static bool is_due_now(const struct hull_loop *l)
{
	return !list_is_empty(&l->news) || !list_is_empty(&l->udp_news) || l->network_due ||
	       __atomic_load_n(&l->posts, __ATOMIC_SEQ_CST) != NULL ||
	       __atomic_load_n(&l->interrupts, __ATOMIC_SEQ_CST) != 0;
}

/* What was queued before the stop goes out; nobody hears of anything any more. */
static void flush(struct hull_loop *l)
{
	if (l->nr_out > 0 || !list_is_empty(&l->dirty))
		l->backend->turn(l, 0);
}

static bool has_purpose(const struct hull_loop *l)
{
	return l->nr_busy > 0 || l->timers != NULL || is_due_now(l);
}

static int run(struct hull_loop *l)
{
	for (;;) {
		hull_loop_read_clock(l);
		hull_interrupts_run(l);
		run_posts(l);
		hull_network_run(l);
		hull_udp_news(l);
		if (l->streams != NULL)
			l->streams->news(l);
		hull_timers_run(l);
		if (l->stops || !has_purpose(l))
			break;
		l->backend->turn(l, is_due_now(l) ? 0 : hull_timers_due(l));
		free_doomed(l);
		if (l->stops)
			break;
	}
	flush(l);
	return l->status;
}

/* ---- beginning and end ---- */

static int open_backend(struct hull_loop *l)
{
	const char *wanted = getenv("HULL_BACKEND");
	int err = -ENOSYS;

	for (unsigned i = 0; hull_backends[i] != NULL; i++) {
		if (wanted != NULL && strcmp(wanted, hull_backends[i]->name) != 0)
			continue;
		l->backend = hull_backends[i];
		err = l->backend->open(l);
		if (err != -ENOSYS)
			return err;
	}
	return err;
}

int hull_loop_new(struct hull_loop **out)
{
	struct hull_loop *l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return -ENOMEM;
	list_init(&l->dirty);
	list_init(&l->news);
	list_init(&l->udp_news);
	list_init(&l->endpoints);
	list_init(&l->doomed);
	l->out = malloc(HULL_OUT_MAX * sizeof(*l->out));
	l->arena = malloc(HULL_ARENA);
	l->arena_end = HULL_ARENA;
	err = l->out == NULL || l->arena == NULL ? -ENOMEM : open_backend(l);
	if (err == 0) {
		*out = l;
		return 0;
	}
	free(l->out);
	free(l->arena);
	free(l);
	return err;
}

/* What the program has not closed ends with its loop. */
static void close_loop(struct hull_loop *l)
{
	struct hull_endpoint *e;

	while (__atomic_load_n(&l->nr_posting, __ATOMIC_ACQUIRE) != 0)
		sched_yield();
	while ((e = list_first(&l->endpoints, struct hull_endpoint, link)) != NULL) {
		if (e->id >= 0)
			l->backend->endpoint_close(e, false);
		hull_endpoint_doom(e);
	}
	free_doomed(l);
	l->backend->close(l);
	free(l->out);
	free(l->arena);
	free(l);
}

int hull_loop_run(int (*start)(void *user), void *user)
{
	struct hull_loop *l;
	int status = hull_loop_new(&l);

	if (status != 0)
		return status;
	here = l;
	hull_loop_read_clock(l);
	status = start(user);
	if (status != 0)
		flush(l);
	else
		status = run(l);
	here = NULL;
	close_loop(l);
	return status;
}
