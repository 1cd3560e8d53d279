/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler of one CPU: who runs next, and the switch.
 *
 * Real-time threads go first, by priority, first come first served. The others share by virtual
 * time: CPU time divided by the weight of their nice level; the one with least runs. A sleeper
 * comes back at most half a slice behind the least of those that ran, so it gets the CPU soon but
 * cannot hoard.
 *
 * The running thread is not in the queue. The slice timer is armed only while others wait: a CPU
 * with one runnable thread has no ticks. schedule() holds the run queue's lock across the switch,
 * and the thread that was switched to releases it: nobody can run a thread whose context is not
 * saved yet.
 */
#include "arch/context.h"
#include "arch/cpu.h"
#include "core/panic.h"
#include "core/thread.h"
#include "core/timer.h"
#include "core/waitq.h"
#include "mm/kmem.h"
#include "mm/vmspace.h"

#define SLICE_NS        (3 * 1000 * 1000ll)
#define WAKE_LEAD_NS    (1 * 1000 * 1000ll) /* how far behind a woken thread must be to preempt */
#define RT_PRIORITY_MAX 99

int thread_level(const struct thread *t)
{
	bool own = t->policy == SCHED_POLICY_FIFO || t->policy == SCHED_POLICY_RR;

	return max(own ? t->rt_priority : 0, t->boost);
}

static bool is_realtime(const struct thread *t)
{
	return thread_level(t) > 0;
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

/* ---- the queue, with rq->lock held ---- */

static void enqueue_fair(struct runqueue *rq, struct thread *t)
{
	struct tree_node **slot = &rq->fair.root, *parent = NULL;
	bool leftmost = true;

	while (*slot != NULL) {
		parent = *slot;
		if (t->virtual_ns < tree_entry(parent, struct thread, rq_node)->virtual_ns) {
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

static void enqueue(struct runqueue *rq, struct thread *t, bool at_front)
{
	assert(!t->queued);
	t->queued = true;
	rq->nr_runnable++;
	if (!is_realtime(t))
		enqueue_fair(rq, t);
	else if (at_front)
		list_prepend(&rq->realtime[thread_level(t)], &t->rq_link);
	else
		list_append(&rq->realtime[thread_level(t)], &t->rq_link);
}

static void dequeue(struct runqueue *rq, struct thread *t)
{
	assert(t->queued);
	t->queued = false;
	rq->nr_runnable--;
	if (is_realtime(t)) {
		list_remove(&t->rq_link);
		return;
	}
	if (rq->fair_first == &t->rq_node)
		rq->fair_first = tree_next(&t->rq_node);
	tree_remove(&rq->fair, &t->rq_node);
}

static struct thread *pick(struct runqueue *rq)
{
	for (int i = RT_PRIORITY_MAX; i >= 0 && rq->nr_runnable > 0; i--) {
		struct thread *t = list_first(&rq->realtime[i], struct thread, rq_link);

		if (t != NULL)
			return t;
	}
	return rq->fair_first == NULL ? NULL : tree_entry(rq->fair_first, struct thread, rq_node);
}

/* Charges the running thread for its time so far. */
static void account(struct cpu *cpu, struct thread *t, nsec_t now)
{
	nsec_t ran = now - t->run_start_ns;

	t->run_start_ns = now;
	t->run_ns += ran;
	if (t == cpu->idle) {
		cpu->idle_ns += ran;
		return;
	}
	t->virtual_ns += (uint64_t)ran * 1024 / t->weight;
	if (!is_realtime(t) && t->virtual_ns > cpu->rq.virtual_min) {
		uint64_t first = cpu->rq.fair_first == NULL
					 ? t->virtual_ns
					 : tree_entry(cpu->rq.fair_first, struct thread, rq_node)
						   ->virtual_ns;

		first = min(first, t->virtual_ns);
		cpu->rq.virtual_min = max(cpu->rq.virtual_min, first);
	}
}

static bool should_preempt(const struct cpu *cpu, const struct thread *woken)
{
	const struct thread *running = cpu->arch.current;

	if (running == cpu->idle)
		return true;
	if (is_realtime(woken))
		return !is_realtime(running) || thread_level(woken) > thread_level(running);
	return !is_realtime(running) &&
	       woken->virtual_ns + WAKE_LEAD_NS <
		       running->virtual_ns + (uint64_t)(clock_monotonic() - running->run_start_ns);
}

/* ---- switching ---- */

static void slice_ended(struct timer *t)
{
	struct cpu *cpu = container_of(t, struct cpu, slice);

	cpu->need_resched = true;
}

static void arm_slice(struct cpu *cpu, const struct thread *next, nsec_t now)
{
	bool shares = cpu->rq.nr_runnable > 0 &&
		      (!is_realtime(next) || next->policy == SCHED_POLICY_RR);

	if (shares && next != cpu->idle)
		timer_arm(&cpu->slice, now + SLICE_NS);
	else if (cpu->slice.cpu != NULL)
		timer_cancel(&cpu->slice);
}

/* Runs on the new thread's stack: lets the run queue go and frees whoever ended here. */
static void finish_switch(void)
{
	struct cpu *cpu = cpu_this();
	struct thread *dead = cpu->reap;

	cpu->reap = NULL;
	spin_unlock(&cpu->rq.lock);
	if (dead != NULL) {
		if (dead->release != NULL)
			dead->release(dead);
		else
			thread_discard(dead);
	}
}

static void thread_main(void *arg)
{
	struct thread *self = arg;

	finish_switch();
	cpu_irq_enable();
	self->entry(self->arg);
	thread_exit(NULL);
}

static void load_space(struct cpu *cpu, const struct vmspace *vs)
{
	cpu->space = vs;
	mmu_space_load(vs == NULL ? NULL : &vs->mmu);
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
	cpu->need_resched = false;
	account(cpu, prev, now);
	if (prev != cpu->idle && prev->state != THREAD_DEAD &&
	    (preempted || prev->state != THREAD_SLEEPING))
		enqueue(rq, prev, preempted && is_realtime(prev));
	next = pick(rq);
	if (next != NULL)
		dequeue(rq, next);
	else
		next = cpu->idle;
	arm_slice(cpu, next, now);
	if (next == prev) {
		spin_unlock(&rq->lock);
		return;
	}
	if (preempted) {
		prev->nr_involuntary++;
		atomic_or(&prev->work, prev->preempt_work);
	} else {
		prev->nr_voluntary++;
	}
	cpu->nr_switches++;
	next->run_start_ns = now;
	next->cpu = cpu;
	if (prev->state == THREAD_DEAD)
		cpu->reap = prev;
	/* A thread without a space runs on whatever is loaded. */
	if (next->vmspace != NULL && next->vmspace != cpu->space)
		load_space(cpu, next->vmspace);
	context_switch(prev, next);
	finish_switch();
}

void sched_preempt_irq(void)
{
	struct cpu *cpu = cpu_this();

	if (cpu->need_resched && cpu->preempt_off == 0 && !cpu->in_irq)
		schedule(true);
}

void thread_yield(void)
{
	bool irqs_were_on = cpu_irq_save();
	struct thread *self = thread_current();

	/* Behind everybody who is waiting now. */
	if (!is_realtime(self)) {
		scoped_spin(&cpu_this()->rq.lock);
		struct runqueue *rq = &cpu_this()->rq;
		struct tree_node *last = tree_last(&rq->fair);

		if (last != NULL)
			self->virtual_ns =
				max(self->virtual_ns,
				    tree_entry(last, struct thread, rq_node)->virtual_ns);
	}
	schedule(false);
	cpu_irq_restore(irqs_were_on);
}

/* ---- sleeping and waking ---- */

void sched_set_sleeping(void)
{
	struct thread *self = thread_current();

	scoped_spin(&self->cpu->rq.lock);
	self->state = THREAD_SLEEPING;
}

void sched_clear_sleeping(void)
{
	struct thread *self = thread_current();

	scoped_spin(&self->cpu->rq.lock);
	self->state = THREAD_RUNNING;
}

void sched_sleep(void)
{
	bool irqs_were_on = cpu_irq_save();

	schedule(false);
	cpu_irq_restore(irqs_were_on);
}

static void make_runnable(struct thread *t)
{
	struct cpu *cpu = t->cpu;
	struct runqueue *rq = &cpu->rq;
	uint64_t floor = rq->virtual_min > SLICE_NS / 2 ? rq->virtual_min - SLICE_NS / 2 : 0;

	t->state = THREAD_RUNNABLE;
	if (t->queued || cpu->arch.current == t)
		return;
	t->virtual_ns = max(t->virtual_ns, floor);
	enqueue(rq, t, false);
	if (should_preempt(cpu, t))
		cpu->need_resched = true;
	else if (cpu->slice.cpu == NULL)
		timer_arm(&cpu->slice, clock_monotonic() + SLICE_NS);
}

void thread_wake(struct thread *t)
{
	scoped_spin(&t->cpu->rq.lock);
	if (t->state == THREAD_SLEEPING)
		make_runnable(t);
}

void thread_start(struct thread *t)
{
	context_init(&t->context, t->kstack_base + KSTACK_SIZE, thread_main, t);
	scoped_spin(&t->cpu->rq.lock);
	assert(t->state == THREAD_NEW);
	t->virtual_ns = t->cpu->rq.virtual_min;
	make_runnable(t);
}

void thread_exit(void (*release)(struct thread *t))
{
	struct thread *self = thread_current();

	cpu_irq_disable();
	self->release = release;
	self->state = THREAD_DEAD;
	schedule(false);
	panic("a dead thread runs");
}

/* ---- the rest ---- */

nsec_t thread_cpu_time(const struct thread *t)
{
	nsec_t ran = READ_ONCE(t->run_ns);

	if (t->cpu->arch.current == t)
		ran += clock_monotonic() - t->run_start_ns;
	return ran;
}

void thread_set_sched(struct thread *t, enum sched_policy policy, int nice, int rt_priority)
{
	struct runqueue *rq = &t->cpu->rq;

	scoped_spin(&rq->lock);
	bool was_queued = t->queued;

	if (was_queued)
		dequeue(rq, t);
	t->policy = policy;
	t->nice = nice;
	t->rt_priority = rt_priority;
	t->weight = weight_of(policy, nice);
	if (was_queued)
		enqueue(rq, t, false);
	t->cpu->need_resched = true;
}

void thread_boost(struct thread *t, int level)
{
	struct runqueue *rq = &t->cpu->rq;

	scoped_spin(&rq->lock);
	bool was_queued = t->queued;

	if (t->boost == level)
		return;
	if (was_queued)
		dequeue(rq, t);
	t->boost = level;
	if (was_queued)
		enqueue(rq, t, false);
	t->cpu->need_resched = true;
}

void preempt_disable(void)
{
	cpu_this()->preempt_off++;
	barrier();
}

void preempt_enable(void)
{
	struct cpu *cpu = cpu_this();

	barrier();
	if (--cpu->preempt_off == 0 && unlikely(cpu->need_resched) && cpu_irqs_are_on()) {
		cpu_irq_disable();
		sched_preempt_irq();
		cpu_irq_enable();
	}
}

void sched_switch_space(struct vmspace *vs)
{
	struct thread *self = thread_current();
	bool irqs_were_on = cpu_irq_save();

	self->vmspace = vs;
	load_space(cpu_this(), vs);
	cpu_irq_restore(irqs_were_on);
}

void sched_init_cpu(struct cpu *cpu)
{
	for (unsigned i = 0; i < ARRAY_SIZE(cpu->rq.realtime); i++)
		list_init(&cpu->rq.realtime[i]);
	timer_init(&cpu->slice, slice_ended);
	cpu->timer_armed = NSEC_NEVER;
}

void sched_idle(void)
{
	struct cpu *cpu = cpu_this();

	cpu_irq_disable();
	for (;;) {
		if (cpu->need_resched || cpu->rq.nr_runnable > 0)
			schedule(false);
		else
			cpu_wait_irq();
	}
}
