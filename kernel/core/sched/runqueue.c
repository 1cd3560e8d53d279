/* SPDX-License-Identifier: BSD-2-Clause */
/* The order in which threads get a CPU: core/sched/runqueue.h has the theory. */
#include "core/sched/runqueue.h"

#include "core/panic.h"

#define LEVEL_MAX 99

static struct thread *from_node(struct tree_node *n)
{
	return tree_entry(n, struct thread, rq_node);
}

void runqueue_init(struct runqueue *rq)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rq->realtime); i++)
		list_init(&rq->realtime[i]);
	rq->slice_end = NSEC_NEVER;
}

static void add_fair(struct runqueue *rq, struct thread *t)
{
	struct tree_node **slot = &rq->fair.root, *parent = NULL;
	bool leftmost = true;

	while (*slot != NULL) {
		parent = *slot;
		if (t->virtual_ns < from_node(parent)->virtual_ns) {
			slot = &parent->left;
		} else {
			slot = &parent->right;
			leftmost = false;
		}
	}
	tree_insert(&rq->fair, parent, slot, &t->rq_node);
	if (leftmost)
		rq->fair_first = &t->rq_node;
}

void runqueue_add(struct runqueue *rq, struct thread *t, bool at_front)
{
	assert(!t->queued);
	t->queued = true;
	WRITE_ONCE(rq->nr_runnable, rq->nr_runnable + 1);
	if (!thread_is_realtime(t)) {
		add_fair(rq, t);
		return;
	}
	rq->nr_realtime++;
	if (at_front)
		list_prepend(&rq->realtime[thread_level(t)], &t->rq_link);
	else
		list_append(&rq->realtime[thread_level(t)], &t->rq_link);
}

void runqueue_remove(struct runqueue *rq, struct thread *t)
{
	assert(t->queued);
	t->queued = false;
	WRITE_ONCE(rq->nr_runnable, rq->nr_runnable - 1);
	if (thread_is_realtime(t)) {
		rq->nr_realtime--;
		list_remove(&t->rq_link);
		return;
	}
	if (rq->fair_first == &t->rq_node)
		rq->fair_first = tree_next(&t->rq_node);
	tree_remove(&rq->fair, &t->rq_node);
}

struct thread *runqueue_first(const struct runqueue *rq)
{
	for (int i = LEVEL_MAX; i > 0 && rq->nr_realtime > 0; i--) {
		struct thread *t = list_first(&rq->realtime[i], struct thread, rq_link);

		if (t != NULL)
			return t;
	}
	return rq->fair_first == NULL ? NULL : from_node(rq->fair_first);
}

static bool may_run_on(const struct thread *t, unsigned id)
{
	return t->affinity >> id & 1;
}

struct thread *runqueue_movable(const struct runqueue *rq, unsigned id)
{
	struct thread *t;

	for (int i = LEVEL_MAX; i > 0 && rq->nr_realtime > 0; i--) {
		list_foreach(&rq->realtime[i], t, rq_link) {
			if (may_run_on(t, id))
				return t;
		}
	}
	for (struct tree_node *n = tree_last(&rq->fair); n != NULL; n = tree_prev(n)) {
		if (may_run_on(from_node(n), id))
			return from_node(n);
	}
	return NULL;
}

void runqueue_behind_all(struct runqueue *rq, struct thread *t)
{
	struct tree_node *last = tree_last(&rq->fair);

	if (last != NULL)
		t->virtual_ns = max(t->virtual_ns, from_node(last)->virtual_ns);
}

void runqueue_leave(struct runqueue *rq, struct thread *t)
{
	t->virtual_ns -= rq->virtual_min; /* may wrap: it is a difference now */
	t->moving = true;
}

void runqueue_enter(struct runqueue *rq, struct thread *t)
{
	int64_t at = (int64_t)(t->virtual_ns + rq->virtual_min);

	t->virtual_ns = (uint64_t)max(at, (int64_t)0);
	t->moving = false;
}

void runqueue_catch_up(struct runqueue *rq, struct thread *t)
{
	if (rq->virtual_min > SLICE_NS / 2)
		t->virtual_ns = max(t->virtual_ns, rq->virtual_min - SLICE_NS / 2);
}

/* The least of those that are there; it does not go back. */
void runqueue_advance(struct runqueue *rq, uint64_t virtual_ns)
{
	if (rq->fair_first != NULL)
		virtual_ns = min(virtual_ns, from_node(rq->fair_first)->virtual_ns);
	rq->virtual_min = max(rq->virtual_min, virtual_ns);
}

uint64_t runqueue_charged(const struct thread *t, nsec_t ran)
{
	return t->virtual_ns + (uint64_t)ran * 1024 / t->weight;
}

void runqueue_charge(struct runqueue *rq, struct thread *t, nsec_t ran)
{
	t->virtual_ns = runqueue_charged(t, ran);
	if (!thread_is_realtime(t))
		runqueue_advance(rq, t->virtual_ns);
}
