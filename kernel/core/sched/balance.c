/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads and CPUs: core/sched/balance.h has the theory. Looks at other CPUs' queues are hints. */
#include "core/sched/balance.h"

#include "core/sched/runqueue.h"
#include "core/sched/sched.h"
#include "core/sched/thread.h"
#include "lib/atomic.h"

#define BURST_SHORT_NS  (20 * 1000ll)  /* less than it costs to wake a CPU */
#define SPREAD_SLICE_NS (300 * 1000ll) /* while a CPU is idle */
#define ROTATE_SLICES   4u

static uint64_t allowed_for(const struct thread *t)
{
	uint64_t online = atomic_load(&cpus_online);
	uint64_t allowed = READ_ONCE(t->affinity) & online;

	return allowed != 0 ? allowed : online;
}

bool balance_may_stay(const struct cpu *cpu, const struct thread *t)
{
	return (allowed_for(t) & cpu_bit(cpu)) != 0;
}

/* Threads that run or wait there. */
static unsigned load_of(const struct cpu *cpu)
{
	return READ_ONCE(cpu->rq.nr_runnable) + (READ_ONCE(cpu->arch.current) != cpu->idle);
}

/* One of an idle mask, for whoever asks first. NULL: none is left. */
static struct cpu *claim(uint64_t mask)
{
	for (; mask != 0; mask &= mask - 1) {
		struct cpu *cpu = cpu_first(mask);

		if (atomic_and(&cpus_idle, ~cpu_bit(cpu)) & cpu_bit(cpu))
			return cpu;
	}
	return NULL;
}

static struct cpu *least_loaded(uint64_t mask)
{
	struct cpu *best = cpu_first(mask);

	for (; mask != 0; mask &= mask - 1) {
		if (load_of(cpu_first(mask)) < load_of(best))
			best = cpu_first(mask);
	}
	return best;
}

/* Will the thread that runs here, and wakes another, sleep before that other could begin
 * elsewhere? */
static bool sleeps_soon(const struct cpu *here)
{
	const struct thread *running = here->arch.current;

	return !here->in_irq && running->burst_ns < BURST_SHORT_NS && here->rq.nr_runnable == 0;
}

struct cpu *balance_choose(const struct thread *t)
{
	struct cpu *here = cpu_this(), *last = t->cpu, *cpu;
	uint64_t allowed, idle, polling;

	if (likely(cpu_is_alone()))
		return here;
	allowed = allowed_for(t);
	idle = atomic_load(&cpus_idle) & allowed;
	polling = idle & atomic_load(&cpus_polling);
	cpu = claim(polling & cpu_bit(last));
	if (cpu != NULL)
		return cpu;
	if ((allowed & cpu_bit(here)) && load_of(here) == 0)
		return here;
	cpu = claim(polling);
	if (cpu != NULL)
		return cpu;
	if ((allowed & cpu_bit(here)) && t->nr_voluntary != 0 && sleeps_soon(here))
		return here;
	cpu = claim(idle & cpu_bit(last));
	if (cpu == NULL)
		cpu = claim(idle);
	if (cpu != NULL)
		return cpu;
	return allowed & cpu_bit(last) ? last : least_loaded(allowed);
}

/* Takes one that may run on `to` out of from's queue. */
static struct thread *take_from(struct cpu *from, struct cpu *to)
{
	struct thread *t;

	scoped_spin(&from->rq.lock);
	t = runqueue_movable(&from->rq, to->id);
	if (t == NULL)
		return NULL;
	runqueue_remove(&from->rq, t);
	sched_depart(from, t, to);
	return t;
}

bool balance_anyone_waits(const struct cpu *cpu)
{
	for (uint64_t m = atomic_load(&cpus_online) & ~cpu_bit(cpu); m != 0; m &= m - 1) {
		if (READ_ONCE(cpu_first(m)->rq.nr_runnable) > 0)
			return true;
	}
	return false;
}

bool balance_pull(struct cpu *cpu)
{
	for (uint64_t m = atomic_load(&cpus_online) & ~cpu_bit(cpu); m != 0; m &= m - 1) {
		struct cpu *from = cpu_first(m);
		struct thread *t;

		if (READ_ONCE(from->rq.nr_runnable) == 0)
			continue;
		t = take_from(from, cpu);
		if (t == NULL)
			continue;
		sched_arrive(t);
		return true;
	}
	return false;
}

/* By number, and round. */
static struct cpu *next_of(const struct cpu *cpu, uint64_t others)
{
	uint64_t higher = others & ~(cpu_bit(cpu) - 1);

	return cpu_first(higher != 0 ? higher : others);
}

/*
 * Where `to` has one thread less and its threads so run more, one that waits here goes there now
 * and then, which makes it the other way round. After an even number of slices it is the one that
 * ran before the one that runs, not the one that came last.
 */
static bool takes_turns(struct cpu *cpu, const struct cpu *to)
{
	return load_of(to) + 1 == load_of(cpu) && READ_ONCE(cpu->rq.nr_realtime) == 0 &&
	       ++cpu->nr_slices >= ROTATE_SLICES;
}

void balance_push(struct cpu *cpu)
{
	uint64_t others = atomic_load(&cpus_online) & ~cpu_bit(cpu);
	struct cpu *to;
	struct thread *t;

	if (others == 0 || READ_ONCE(cpu->rq.nr_runnable) == 0)
		return;
	to = claim(atomic_load(&cpus_idle) & others);
	if (to == NULL)
		to = least_loaded(others);
	if (load_of(to) + 1 >= load_of(cpu)) {
		to = next_of(cpu, others);
		if (!takes_turns(cpu, to))
			return;
	}
	cpu->nr_slices = 0;
	t = take_from(cpu, to);
	if (t != NULL)
		sched_arrive(t);
	else if (load_of(to) == 0)
		atomic_or(&cpus_idle, cpu_bit(to)); /* claimed in vain */
}

nsec_t balance_slice(const struct cpu *cpu)
{
	return (atomic_load(&cpus_idle) & ~cpu_bit(cpu)) != 0 ? SPREAD_SLICE_NS : SLICE_NS;
}
