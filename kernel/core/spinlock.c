/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlocks: test and test-and-set with interrupts off. Releasing the outermost one lets a pending
 * preemption happen, so a wake-up under a lock takes effect when the lock goes.
 */
#include "core/spinlock.h"

#include "arch/cpu.h"
#include "core/panic.h"
#include "core/thread.h"

void spin_lock(struct spinlock *l)
{
	bool irqs_were_on = cpu_irq_save();

	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE) != 0) {
		assert(nr_cpus > 1); /* on one CPU nobody could release it */
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED) != 0)
			cpu_relax();
	}
	l->irqs_were_on = irqs_were_on;
}

void spin_unlock(struct spinlock *l)
{
	bool irqs_were_on = l->irqs_were_on;

	assert(l->held != 0);
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
	if (!irqs_were_on)
		return;
	if (unlikely(READ_ONCE(cpu_this()->need_resched)))
		sched_preempt_irq();
	cpu_irq_enable();
}
