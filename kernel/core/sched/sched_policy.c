/* SPDX-License-Identifier: BSD-2-Clause */
/* What may be set of a thread's scheduling, and what it has used (sched(7)). */
#include "arch/cpu.h"
#include "core/sched/balance.h"
#include "core/sched/runqueue.h"
#include "core/sched/sched.h"
#include "core/time/timer.h"
#include "lib/atomic.h"
#include "lib/errno.h"

int thread_level(const struct thread *t)
{
	bool own = t->policy == SCHED_POLICY_FIFO || t->policy == SCHED_POLICY_RR;

	return max(own ? t->rt_priority : 0, t->boost);
}

static uint32_t weight_of(enum sched_policy policy, int nice)
{
	uint64_t weight = 1024;

	if (policy == SCHED_POLICY_IDLE)
		return 3;
	for (; nice > 0; nice--)
		weight = weight * 4 / 5;
	for (; nice < 0; nice++)
		weight = weight * 5 / 4;
	return (uint32_t)weight;
}

/* Takes t out of its queue for a change; returns whether it was in one. */
static bool take_out(struct cpu *cpu, struct thread *t)
{
	bool was_queued = t->queued;

	if (was_queued)
		runqueue_remove(&cpu->rq, t);
	return was_queued;
}

/* Ends what take_out() began, and lets the lock go. */
static void put_in(struct cpu *cpu, struct thread *t, bool was_queued)
{
	if (was_queued)
		runqueue_add(&cpu->rq, t, false);
	spin_unlock(&cpu->rq.lock);
	cpu_kick(cpu);
}

void thread_set_sched(struct thread *t, enum sched_policy policy, int nice, int rt_priority)
{
	bool irqs_were_on = cpu_irq_save(), was_queued;
	struct cpu *cpu = sched_lock_of(t);

	was_queued = take_out(cpu, t);
	t->policy = policy;
	t->nice = nice;
	t->rt_priority = rt_priority;
	t->weight = weight_of(policy, nice);
	put_in(cpu, t, was_queued);
	sched_irq_restore(irqs_were_on);
}

void thread_boost(struct thread *t, int level)
{
	bool irqs_were_on = cpu_irq_save(), was_queued;
	struct cpu *cpu = sched_lock_of(t);

	if (t->boost == level) {
		spin_unlock(&cpu->rq.lock);
	} else {
		was_queued = take_out(cpu, t);
		t->boost = level;
		put_in(cpu, t, was_queued);
	}
	sched_irq_restore(irqs_were_on);
}

int thread_set_affinity(struct thread *t, uint64_t mask)
{
	bool irqs_were_on, goes;
	struct cpu *cpu;

	if ((mask & atomic_load(&cpus_online)) == 0)
		return -EINVAL;
	irqs_were_on = cpu_irq_save();
	cpu = sched_lock_of(t);
	WRITE_ONCE(t->affinity, mask);
	goes = !(mask & cpu_bit(cpu)) && take_out(cpu, t);
	if (goes)
		sched_depart(cpu, t, balance_choose(t));
	spin_unlock(&cpu->rq.lock);
	if (goes)
		sched_arrive(t);
	else if (!(mask & cpu_bit(cpu)) && READ_ONCE(cpu->arch.current) == t)
		cpu_kick(cpu); /* it moves when it is switched away from */
	sched_irq_restore(irqs_were_on);
	return 0;
}

nsec_t thread_cpu_time(const struct thread *t)
{
	struct cpu *cpu = sched_lock_of(t);
	nsec_t ran = t->run_ns;

	if (cpu->arch.current == t)
		ran += clock_monotonic() - t->run_start_ns;
	spin_unlock(&cpu->rq.lock);
	return ran;
}

/* The full barrier of atomic_or stands between the bits and the look at who runs. */
void thread_set_work(struct thread *t, unsigned bits)
{
	struct cpu *cpu;

	atomic_or(&t->work, bits);
	if ((bits & (THREAD_WORK_SIGNAL | THREAD_WORK_KILLED)) != 0)
		thread_wake(t);
	cpu = READ_ONCE(t->cpu);
	if (cpu != cpu_this() && READ_ONCE(cpu->arch.current) == t)
		cpu_poke(cpu);
}
