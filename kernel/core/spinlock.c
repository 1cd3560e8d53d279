/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlocks: test and test-and-set with interrupts off. Releasing the outermost one lets a pending
 * preemption happen, so a wake-up under a lock takes effect when the lock goes; interrupts to other
 * CPUs and the timer's setting wait for it likewise (cpu.attention).
 *
 * Not a queue: where the host runs fewer processors than the VM has, the next in line may be one
 * that is not running, and all behind it would wait for it. Whoever runs takes the lock. Between
 * two looks a waiter pauses, twice as long each time up to a bound, so that the holder gets at its
 * cache line.
 */
#include "core/spinlock.h"

#include "arch/cpu.h"
#include "core/lockcheck.h"
#include "core/panic.h"
#include "core/thread.h"

#define BACK_OFF_MAX 64u /* pauses */

static bool try_take(struct spinlock *l)
{
	return __atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE) == 0;
}

static NOINLINE void wait_and_take(struct spinlock *l)
{
	uint64_t since = cpu_cycles();
	unsigned pauses = 1;

	do {
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED) != 0) {
			for (unsigned i = 0; i < pauses; i++)
				cpu_relax();
			pauses = min(pauses * 2, BACK_OFF_MAX);
			lockcheck_spin_waits(l, since);
		}
	} while (!try_take(l));
}

void spin_lock(struct spinlock *l)
{
	bool irqs_were_on = cpu_irq_save();

	lockcheck_spin_wants(l, __builtin_return_address(0));
	if (unlikely(!try_take(l)))
		wait_and_take(l);
	lockcheck_spin_has(l, __builtin_return_address(0));
	l->irqs_were_on = irqs_were_on;
}

void spin_unlock(struct spinlock *l)
{
	bool irqs_were_on = l->irqs_were_on;

	assert(l->held != 0);
	lockcheck_spin_gives(l);
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
	if (!irqs_were_on)
		return;
	if (unlikely(READ_ONCE(cpu_this()->attention)))
		sched_preempt_irq();
	cpu_irq_enable();
}
