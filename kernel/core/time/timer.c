/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: per CPU a tree by deadline, and the platform's one-shot timer armed for the first. Arming
 * a timer that is not the first costs no hardware access; neither does cancelling one: an interrupt
 * that finds nothing due arms the next.
 */
#include "core/time/timer.h"

#include "arch/cpu.h"
#include "core/panic.h"
#include "core/sched/sched.h"
#include "core/smp/cpu.h"
#include "lib/atomic.h"

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	t->fn = fn;
	t->cpu = NULL;
	t->armed = t->running = false;
	t->deadline = NSEC_NEVER;
}

static void insert(struct cpu *cpu, struct timer *t)
{
	struct tree_node **slot = &cpu->timers.root, *parent = NULL;

	while (*slot != NULL) {
		parent = *slot;
		slot = t->deadline < tree_entry(parent, struct timer, node)->deadline
			       ? &parent->left
			       : &parent->right;
	}
	tree_insert(&cpu->timers, parent, slot, &t->node);
	t->armed = true;
}

/* The hardware, this CPU's, is to ring for the first timer, if that is earlier than what it is set
 * to; it is set when all locks are let go. */
static void arm_hardware(struct cpu *cpu)
{
	struct tree_node *first = tree_first(&cpu->timers);
	nsec_t deadline;

	if (first == NULL)
		return;
	deadline = tree_entry(first, struct timer, node)->deadline;
	if (deadline < cpu->timer_armed) {
		cpu->timer_armed = deadline;
		cpu->timer_due = cpu->has_dues = true;
	}
}

/*
 * t->cpu is the CPU whose lock guards t; it changes only with that lock held, so it is looked at
 * again once the lock is. A timer that was never armed belongs to nobody: whoever comes first
 * gives it to this CPU.
 */
static struct cpu *lock_owner(struct timer *t)
{
	for (;;) {
		struct cpu *cpu = READ_ONCE(t->cpu), *nobody = NULL;

		if (cpu == NULL) {
			(void)atomic_compare_exchange(&t->cpu, &nobody, cpu_this());
			continue;
		}
		spin_lock(&cpu->timer_lock);
		if (READ_ONCE(t->cpu) == cpu)
			return cpu;
		spin_unlock(&cpu->timer_lock);
	}
}

static bool disarm(struct cpu *owner, struct timer *t)
{
	bool was_armed = t->armed;

	if (was_armed)
		tree_remove(&owner->timers, &t->node);
	t->armed = false;
	return was_armed;
}

/*
 * On this CPU, but where its callback is just running: there it stays, or timer_cancel would not
 * know whom to wait for; that CPU looks at its tree again when the callback returns.
 */
void timer_arm(struct timer *t, nsec_t deadline)
{
	bool irqs_were_on = cpu_irq_save();
	struct cpu *here = cpu_this(), *owner;

	for (;;) {
		owner = lock_owner(t);
		disarm(owner, t);
		if (owner == here || t->running)
			break;
		WRITE_ONCE(t->cpu, here);
		spin_unlock(&owner->timer_lock);
	}
	t->deadline = deadline;
	insert(owner, t);
	if (owner == here)
		arm_hardware(here);
	spin_unlock(&owner->timer_lock);
	sched_irq_restore(irqs_were_on);
}

/* A callback that is under way may arm it again until it returns. */
bool timer_cancel(struct timer *t)
{
	bool was_armed = false, is_running;
	struct cpu *owner;

	if (READ_ONCE(t->cpu) == NULL)
		return false;
	for (;;) {
		owner = lock_owner(t);
		was_armed |= disarm(owner, t);
		is_running = t->running;
		spin_unlock(&owner->timer_lock);
		if (!is_running)
			return was_armed;
		cpu_relax();
	}
}

void timer_irq(void)
{
	struct cpu *cpu = cpu_this();
	struct timer *t;

	spin_lock(&cpu->timer_lock);
	cpu->timer_armed = NSEC_NEVER;
	for (;;) {
		struct tree_node *first = tree_first(&cpu->timers);

		if (first == NULL)
			break;
		t = tree_entry(first, struct timer, node);
		if (t->deadline > clock_monotonic())
			break;
		disarm(cpu, t);
		t->running = true;
		spin_unlock(&cpu->timer_lock);
		t->fn(t);
		spin_lock(&cpu->timer_lock);
		t->running = false; /* the callback does not free t: timer_cancel waits for this */
	}
	arm_hardware(cpu);
	spin_unlock(&cpu->timer_lock);
}
