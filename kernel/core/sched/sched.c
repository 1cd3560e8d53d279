/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: the switch, sleeping and waking. Who is next on a CPU is runqueue.c's matter, on
 * which CPU a thread runs is balance.c's.
 *
 * The running thread is not in the queue. The slice timer is armed only while others wait: a CPU
 * with one runnable thread has no ticks. schedule() holds the run queue's lock across the switch,
 * and the thread that was switched to releases it: nobody can run a thread whose context is not
 * saved yet.
 *
 * t->cpu says whose lock guards t, and changes only with the lock of the CPU that it leaves held:
 * sched_lock_of() takes the lock and looks again. No two run queues are ever locked at once: a
 * thread that changes its CPU leaves one, is in no queue for a moment (t->moving), and enters the
 * other; whoever wakes it then changes its state only.
 */
#include "core/sched/sched.h"

#include "arch/context.h"
#include "arch/cpu.h"
#include "core/panic.h"
#include "core/sched/balance.h"
#include "core/sched/runqueue.h"
#include "core/sync/lockcheck.h"
#include "core/sync/waitq.h"
#include "core/time/timer.h"
#include "mm/alloc/kmem.h"
#include "mm/vmspace.h"

#define WAKE_LEAD_NS (1 * 1000 * 1000ll) /* how far behind a woken thread must be to preempt */
/*
 * And how long the other has had the CPU by then. More than a switch and a timer's interrupt cost
 * on the slowest host: threads that wake up again and again, soon after they fell asleep, would
 * leave the others no time for a single instruction.
 */
#define LEAST_RUN_NS (100 * 1000ll)

struct cpu *sched_lock_of(const struct thread *t)
{
	for (;;) {
		struct cpu *cpu = READ_ONCE(t->cpu);

		spin_lock(&cpu->rq.lock);
		if (READ_ONCE(t->cpu) == cpu)
			return cpu;
		spin_unlock(&cpu->rq.lock);
	}
}

void sched_irq_restore(bool were_on)
{
	if (!were_on)
		return;
	if (unlikely(READ_ONCE(cpu_this()->attention)))
		sched_preempt_irq();
	cpu_irq_enable();
}

/* Charges the running thread for its time so far. */
static void account(struct cpu *cpu, struct thread *t, nsec_t now)
{
	nsec_t ran = now - t->run_start_ns;
	struct runqueue *rq = &cpu->rq;

	load_add(&rq->load, rq->nr_runnable + (t != cpu->idle), ran, now);
	rq->load_until = now;
	t->run_start_ns = now;
	t->run_ns += ran;
	if (t == cpu->idle)
		cpu->idle_ns += ran;
	else
		runqueue_charge(rq, t, ran);
}

/* How long the running thread, another CPU's perhaps, has run without being charged. */
static nsec_t not_charged(const struct thread *running, nsec_t now)
{
	return max(now - running->run_start_ns, (nsec_t)0);
}

/* When the running thread has to give way, now that this one waits. */
static nsec_t turn_end(const struct cpu *cpu, const struct thread *waiter, nsec_t now)
{
	const struct thread *running = cpu->arch.current;
	nsec_t ran = not_charged(running, now);

	if (running == cpu->idle || thread_level(waiter) > thread_level(running))
		return now;
	if (!thread_is_realtime(running) &&
	    waiter->virtual_ns + WAKE_LEAD_NS < runqueue_charged(running, ran))
		return now + max(LEAST_RUN_NS - ran, (nsec_t)0);
	return now + balance_slice(cpu);
}

/* ---- slices, on their own CPU with rq->lock held ---- */

static void slice_ended(struct timer *timer)
{
	struct cpu *cpu = container_of(timer, struct cpu, slice);

	spin_lock(&cpu->rq.lock);
	cpu->rq.slice_end = NSEC_NEVER;
	spin_unlock(&cpu->rq.lock);
	balance_push(cpu);
	cpu->need_resched = true;
}

static void start_slice(struct cpu *cpu, nsec_t end)
{
	cpu->rq.slice_end = end;
	timer_arm(&cpu->slice, end);
}

static bool shares(const struct cpu *cpu, const struct thread *running)
{
	return cpu->rq.nr_runnable > 0 && running != cpu->idle &&
	       (!thread_is_realtime(running) || running->policy == SCHED_POLICY_RR);
}

static void renew_slice(struct cpu *cpu, const struct thread *next, nsec_t now)
{
	if (shares(cpu, next)) {
		start_slice(cpu, now + balance_slice(cpu));
	} else if (cpu->rq.slice_end != NSEC_NEVER) {
		cpu->rq.slice_end = NSEC_NEVER;
		timer_cancel(&cpu->slice);
	}
}

/* Another CPU put somebody into this one's queue. */
void sched_kicked(void)
{
	struct cpu *cpu = cpu_this();
	nsec_t end;

	scoped_spin(&cpu->rq.lock);
	if (!shares(cpu, cpu->arch.current))
		return;
	end = turn_end(cpu, runqueue_first(&cpu->rq), clock_monotonic());
	if (end < cpu->rq.slice_end)
		start_slice(cpu, end);
}

/* ---- switching ---- */

static void load_space(struct vmspace *vs)
{
	mmu_space_load(vs == NULL ? NULL : &vs->mmu);
}

/* Runs on the new thread's stack: lets the run queue go, and does what could not be done to the
 * thread that was switched away from while it still stood on its stack. */
static void finish_switch(void)
{
	struct cpu *cpu = cpu_this();
	struct thread *dead = cpu->reap, *moved = cpu->moved;

	cpu->reap = cpu->moved = NULL;
	spin_unlock(&cpu->rq.lock);
	/* A thread without a space runs on whatever is loaded. */
	if (cpu->arch.current->vmspace != NULL)
		load_space(cpu->arch.current->vmspace);
	if (moved != NULL)
		sched_arrive(moved);
	if (dead == NULL)
		return;
	if (dead->release != NULL)
		dead->release(dead);
	else
		thread_discard(dead);
}

static void thread_main(void *arg)
{
	struct thread *self = arg;

	finish_switch();
	sched_irq_restore(true);
	self->entry(self->arg);
	thread_exit(NULL);
}

/* How long it ran since it last woke up, averaged: balance.c predicts by it. */
static void note_burst(struct thread *t)
{
	nsec_t burst = t->run_ns - t->woke_ns;

	t->burst_ns += (burst - t->burst_ns) / 4;
	t->woke_ns = t->run_ns;
}

/* What becomes of the thread that ran. Its context is not saved yet. */
static void put_back(struct cpu *cpu, struct thread *prev, bool preempted)
{
	if (prev == cpu->idle)
		return;
	if (prev->state == THREAD_DEAD) {
		cpu->reap = prev;
	} else if (!preempted && prev->state == THREAD_SLEEPING) {
		note_burst(prev);
	} else if (!balance_may_stay(cpu, prev)) {
		cpu->moved = prev;
		sched_depart(cpu, prev, balance_choose(prev));
	} else {
		runqueue_add(&cpu->rq, prev, preempted && thread_is_realtime(prev));
	}
}

static void count_switch(struct cpu *cpu, struct thread *prev, bool preempted)
{
	cpu->nr_switches++;
	if (preempted) {
		prev->nr_involuntary++;
		atomic_or(&prev->work, prev->preempt_work);
	} else {
		prev->nr_voluntary++;
	}
}

/* Interrupts off. `preempted`: the thread did not ask, so it stays runnable whatever its state
 * says. */
static void schedule(bool preempted)
{
	struct cpu *cpu = cpu_this();
	struct runqueue *rq = &cpu->rq;
	struct thread *prev = cpu->arch.current, *next;
	nsec_t now;

	assert(!cpu_irqs_are_on());
	spin_lock(&rq->lock);
	now = clock_monotonic();
	atomic_store(&cpu->need_resched, false);
	account(cpu, prev, now);
	put_back(cpu, prev, preempted);
	next = runqueue_first(rq);
	if (next != NULL)
		runqueue_remove(rq, next);
	else
		next = cpu->idle;
	renew_slice(cpu, next, now);
	if (next == prev) {
		spin_unlock(&rq->lock);
		return;
	}
	count_switch(cpu, prev, preempted);
	next->run_start_ns = now;
	context_switch(prev, next);
	finish_switch();
}

void sched_preempt_irq(void)
{
	struct cpu *cpu = cpu_this();

	ipi_pay_dues(cpu);
	if (cpu->need_resched && cpu->arch.preempt_off == 0 && !cpu->in_irq)
		schedule(true);
	ipi_pay_dues(cpu_this());
}

void sched_run_queue(void)
{
	schedule(false);
}

void thread_yield(void)
{
	bool irqs_were_on = cpu_irq_save();
	struct thread *self = thread_current();
	struct runqueue *rq = &cpu_this()->rq;

	/* Behind everybody who is waiting now. */
	if (!thread_is_realtime(self)) {
		scoped_spin(&rq->lock);
		runqueue_behind_all(rq, self);
	}
	schedule(false);
	sched_irq_restore(irqs_were_on);
}

/* ---- sleeping and waking ---- */

static void set_state(enum thread_state state)
{
	struct thread *self = thread_current();
	struct cpu *cpu = sched_lock_of(self);

	self->state = state;
	spin_unlock(&cpu->rq.lock);
}

void sched_set_sleeping(void)
{
	set_state(THREAD_SLEEPING);
}

void sched_clear_sleeping(void)
{
	set_state(THREAD_RUNNING);
}

void sched_sleep(void)
{
	bool irqs_were_on;

	lock_assert_none_spinning();
	irqs_were_on = cpu_irq_save();
	schedule(false);
	sched_irq_restore(irqs_were_on);
}

/* Into the queue of t->cpu, whose lock is held, which is released; tells that CPU if need be. */
static void insert(struct cpu *cpu, struct thread *t)
{
	nsec_t now = clock_monotonic(), end = turn_end(cpu, t, now);
	bool preempts = end <= now, starts_slice = !preempts && end < cpu->rq.slice_end;

	runqueue_add(&cpu->rq, t, false);
	if (starts_slice && cpu == cpu_this())
		start_slice(cpu, end);
	spin_unlock(&cpu->rq.lock);
	if (preempts)
		cpu_kick(cpu);
	else if (starts_slice && cpu != cpu_this())
		cpu_poke(cpu); /* sched_kicked() */
}

void sched_depart(struct cpu *from, struct thread *t, struct cpu *to)
{
	runqueue_leave(&from->rq, t);
	WRITE_ONCE(t->cpu, to);
}

void sched_arrive(struct thread *t)
{
	struct cpu *to, *next;

	for (;;) {
		to = t->cpu;
		spin_lock(&to->rq.lock);
		if (balance_may_stay(to, t))
			break;
		next = balance_choose(t); /* its affinity has changed just now */
		WRITE_ONCE(t->cpu, next);
		spin_unlock(&to->rq.lock);
	}
	atomic_or(&t->work, t->preempt_work);
	runqueue_enter(&to->rq, t);
	insert(to, t);
}

static void catch_up(struct cpu *cpu, struct thread *t)
{
	const struct thread *running = cpu->arch.current;
	nsec_t ran = not_charged(running, clock_monotonic());

	if (running != cpu->idle && !thread_is_realtime(running))
		runqueue_advance(&cpu->rq, runqueue_charged(running, ran));
	runqueue_catch_up(&cpu->rq, t);
}

/* With the lock of `from`, t->cpu, held, which is released. Interrupts off. */
static void make_runnable(struct cpu *from, struct thread *t)
{
	struct cpu *to;

	t->state = THREAD_RUNNABLE;
	if (t->queued || t->moving || from->arch.current == t) {
		spin_unlock(&from->rq.lock);
		return;
	}
	catch_up(from, t);
	to = balance_choose(t);
	if (to == from) {
		insert(from, t);
		return;
	}
	sched_depart(from, t, to);
	spin_unlock(&from->rq.lock);
	sched_arrive(t);
}

bool thread_wake(struct thread *t)
{
	bool irqs_were_on = cpu_irq_save(), slept;
	struct cpu *cpu = sched_lock_of(t);

	slept = t->state == THREAD_SLEEPING;
	if (slept)
		make_runnable(cpu, t);
	else
		spin_unlock(&cpu->rq.lock);
	sched_irq_restore(irqs_were_on);
	return slept;
}

void thread_start(struct thread *t)
{
	bool irqs_were_on = cpu_irq_save();

	context_init(&t->context, t->kstack_base + KSTACK_SIZE, thread_main, t);
	assert(t->state == THREAD_NEW);
	t->state = THREAD_RUNNABLE;
	t->virtual_ns = 0; /* beside the least of those that are there */
	t->moving = true;
	t->cpu = balance_choose(t);
	sched_arrive(t);
	sched_irq_restore(irqs_were_on);
}

void thread_exit(void (*release)(struct thread *t))
{
	struct thread *self = thread_current();

	kstack_trim();
	cpu_irq_disable();
	self->release = release;
	self->state = THREAD_DEAD;
	schedule(false);
	panic("a dead thread runs");
}

/* ---- preemption, spaces, CPUs ---- */

void preempt_disable(void)
{
	cpu_preempt_off_add();
	barrier();
}

void preempt_enable(void)
{
	barrier();
	if (!cpu_preempt_off_sub() || likely(!READ_ONCE(cpu_this()->need_resched)) ||
	    !cpu_irqs_are_on())
		return;
	cpu_irq_disable();
	sched_preempt_irq();
	cpu_irq_enable();
}

void sched_switch_space(struct vmspace *vs)
{
	bool irqs_were_on = cpu_irq_save();

	thread_current()->vmspace = vs;
	load_space(vs);
	cpu_irq_restore(irqs_were_on);
}

void sched_init_cpu(struct cpu *cpu)
{
	runqueue_init(&cpu->rq);
	lockcheck_spin_init(&cpu->rq.lock, "runqueue.lock");
	lockcheck_spin_init(&cpu->timer_lock, "cpu.timer_lock");
	timer_init(&cpu->slice, slice_ended);
	cpu->timer_armed = NSEC_NEVER;
}
