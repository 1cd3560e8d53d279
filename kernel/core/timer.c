/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: per CPU a tree by deadline, and the platform's one-shot timer armed for the first. Arming
 * a timer that is not the first costs no hardware access; neither does cancelling one: an interrupt
 * that finds nothing due arms the next.
 */
#include "core/timer.h"

#include "arch/cpu.h"
#include "core/cpu.h"
#include "core/panic.h"
#include "core/platform.h"

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	t->fn = fn;
	t->cpu = NULL;
	t->running = false;
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
	t->cpu = cpu;
}

/* Sets the hardware for the first timer, if that is earlier than what it is set to. */
static void arm_hardware(struct cpu *cpu)
{
	struct tree_node *first = tree_first(&cpu->timers);
	nsec_t deadline;

	if (first == NULL)
		return;
	deadline = tree_entry(first, struct timer, node)->deadline;
	if (deadline < cpu->timer_armed) {
		cpu->timer_armed = deadline;
		platform->timer_set(deadline);
	}
}

/* The CPU whose lock guards t now. It may change until the lock is held. */
static struct cpu *lock_owner(struct timer *t)
{
	for (;;) {
		struct cpu *cpu = READ_ONCE(t->cpu);

		if (cpu == NULL)
			return NULL;
		spin_lock(&cpu->timer_lock);
		if (t->cpu == cpu)
			return cpu;
		spin_unlock(&cpu->timer_lock);
	}
}

static bool remove_if_armed(struct timer *t)
{
	struct cpu *cpu = lock_owner(t);

	if (cpu == NULL)
		return false;
	tree_remove(&cpu->timers, &t->node);
	t->cpu = NULL;
	spin_unlock(&cpu->timer_lock);
	return true;
}

void timer_arm(struct timer *t, nsec_t deadline)
{
	bool irqs_were_on;
	struct cpu *cpu;

	remove_if_armed(t);
	irqs_were_on = cpu_irq_save();
	cpu = cpu_this();
	spin_lock(&cpu->timer_lock);
	t->deadline = deadline;
	insert(cpu, t);
	arm_hardware(cpu);
	spin_unlock(&cpu->timer_lock);
	cpu_irq_restore(irqs_were_on);
}

bool timer_cancel(struct timer *t)
{
	bool was_armed = remove_if_armed(t);

	while (READ_ONCE(t->running))
		cpu_relax();
	return was_armed;
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
		tree_remove(&cpu->timers, &t->node);
		t->cpu = NULL;
		t->running = true;
		spin_unlock(&cpu->timer_lock);
		t->fn(t);
		/* The callback may not free t: timer_cancel waits for this store. */
		WRITE_ONCE(t->running, false);
		spin_lock(&cpu->timer_lock);
	}
	arm_hardware(cpu);
	spin_unlock(&cpu->timer_lock);
}
