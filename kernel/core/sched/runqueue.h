/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue of one CPU: who waits for it, and in what order. Real-time threads go first, by level,
 * first come first served. The others share by virtual time: CPU time divided by the weight of
 * their nice level; the one with least runs.
 *
 * Virtual time counts per queue. A thread between two queues carries its distance to the queue's
 * least (runqueue_leave, runqueue_enter). All with rq->lock held.
 */
#pragma once
#include "core/sched/thread.h"
#include "core/smp/cpu.h"

#define SLICE_NS (3 * 1000 * 1000ll)

void runqueue_init(struct runqueue *rq);
void runqueue_add(struct runqueue *rq, struct thread *t, bool at_front);
void runqueue_remove(struct runqueue *rq, struct thread *t);
struct thread *runqueue_first(const struct runqueue *rq); /* NULL: nobody waits */
/* One that may run on CPU `id`: what would run here last, or a real-time thread. NULL: none. */
struct thread *runqueue_movable(const struct runqueue *rq, unsigned id);
void runqueue_behind_all(struct runqueue *rq, struct thread *t); /* t runs; a fair one */
/* t, in no queue, stops and starts being of this one. */
void runqueue_leave(struct runqueue *rq, struct thread *t);
void runqueue_enter(struct runqueue *rq, struct thread *t);
/* A sleeper that comes back gets at most half a slice of advance before those that are there. */
void runqueue_catch_up(struct runqueue *rq, struct thread *t);
/* A fair thread that runs has come to this virtual time: it is one of those that are there. */
void runqueue_advance(struct runqueue *rq, uint64_t virtual_ns);
/* t has run for so long. */
void runqueue_charge(struct runqueue *rq, struct thread *t, nsec_t ran);
/* t's virtual time when it will be charged for so long. */
uint64_t runqueue_charged(const struct thread *t, nsec_t ran);

static inline bool thread_is_realtime(const struct thread *t)
{
	return thread_level(t) > 0;
}
