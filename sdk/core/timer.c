/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986) whose links are in the timers,
 * so that starting one cannot fail. Ties are broken by the order of starting.
 */
#include "core/core.h"

/* What lies in hull_timer.opaque. */
struct timer {
	hull_ns due, period;
	uint64_t order; /* of starting */
	struct hull_timer *child, *next;
	struct hull_timer *prev; /* the sibling before it, or the parent of the first */
	struct hull_loop *loop;
	bool is_set;
};

_Static_assert(sizeof(struct timer) <= sizeof(((struct hull_timer *)0)->opaque), "it has room");

static uint64_t nr_started; /* [atomic] */

static struct timer *of(const struct hull_timer *t)
{
	return (struct timer *)(uintptr_t)t->opaque;
}

void hull_timer_init(struct hull_timer *t, void (*fn)(struct hull_timer *t, void *user), void *user)
{
	t->fn = fn;
	t->user = user;
	*of(t) = (struct timer){ .is_set = false };
}

bool hull_timer_is_set(const struct hull_timer *t)
{
	return of(t)->is_set;
}

/* ---- the heap ---- */

static bool is_before(const struct hull_timer *a, const struct hull_timer *b)
{
	return of(a)->due != of(b)->due ? of(a)->due < of(b)->due : of(a)->order < of(b)->order;
}

/* Two heaps become one; either may be NULL. */
static struct hull_timer *meld(struct hull_timer *a, struct hull_timer *b)
{
	struct hull_timer *first = a, *second = b;

	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	if (is_before(b, a)) {
		first = b;
		second = a;
	}
	of(second)->next = of(first)->child;
	of(second)->prev = first;
	if (of(first)->child != NULL)
		of(of(first)->child)->prev = second;
	of(first)->child = second;
	of(first)->next = of(first)->prev = NULL;
	return first;
}

/* Siblings in pairs, from the left; then the pairs, from the right. */
static struct hull_timer *merge_pairs(struct hull_timer *t)
{
	struct hull_timer *pairs = NULL, *out = NULL;

	while (t != NULL) {
		struct hull_timer *a = t, *b = of(a)->next, *pair;

		t = b == NULL ? NULL : of(b)->next;
		of(a)->next = of(a)->prev = NULL;
		if (b != NULL)
			of(b)->next = of(b)->prev = NULL;
		pair = meld(a, b);
		of(pair)->next = pairs;
		pairs = pair;
	}
	while (pairs != NULL) {
		struct hull_timer *next = of(pairs)->next;

		of(pairs)->next = NULL;
		out = meld(out, pairs);
		pairs = next;
	}
	return out;
}

static void insert(struct hull_loop *l, struct hull_timer *t)
{
	of(t)->child = of(t)->next = of(t)->prev = NULL;
	of(t)->is_set = true;
	l->timers = meld(l->timers, t);
}

static void cut(struct hull_timer *t)
{
	struct hull_timer *prev = of(t)->prev;

	if (of(prev)->child == t)
		of(prev)->child = of(t)->next;
	else
		of(prev)->next = of(t)->next;
	if (of(t)->next != NULL)
		of(of(t)->next)->prev = prev;
}

void hull_timer_stop(struct hull_timer *t)
{
	struct hull_loop *l = of(t)->loop;
	struct hull_timer *children;

	if (!of(t)->is_set)
		return;
	of(t)->is_set = false;
	children = merge_pairs(of(t)->child);
	if (t == l->timers) {
		l->timers = children;
		return;
	}
	cut(t);
	l->timers = meld(l->timers, children);
}

/* ---- setting and running ---- */

void hull_timer_start(struct hull_timer *t, hull_ns delay, hull_ns period)
{
	struct hull_loop *l = hull_loop_here();

	hull_timer_stop(t);
	of(t)->loop = l;
	of(t)->due = l->now + delay < l->now ? UINT64_MAX : l->now + delay;
	of(t)->period = period;
	of(t)->order = __atomic_add_fetch(&nr_started, 1, __ATOMIC_RELAXED);
	insert(l, t);
}

hull_ns hull_timers_due(const struct hull_loop *l)
{
	return l->timers == NULL ? UINT64_MAX : of(l->timers)->due;
}

/* The next of its times that is still to come. */
static hull_ns next_time(const struct timer *t, hull_ns now)
{
	hull_ns due = t->due + t->period;

	return due > now ? due : due + (now - due) / t->period * t->period + t->period;
}

/* Only what was due when the turn began, and was set before: a timer that sets itself with no delay
 * has its next turn. */
void hull_timers_run(struct hull_loop *l)
{
	uint64_t last = __atomic_load_n(&nr_started, __ATOMIC_RELAXED);
	struct hull_timer *t;

	while ((t = l->timers) != NULL && of(t)->due <= l->now && of(t)->order <= last &&
	       !l->stops) {
		hull_timer_stop(t);
		if (of(t)->period != 0) {
			of(t)->due = next_time(of(t), l->now);
			insert(l, t);
		}
		t->fn(t, t->user);
	}
}
