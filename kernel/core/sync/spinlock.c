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
 *
 * Locks are held for a microsecond or so. Who waits for much longer waits for a CPU that the host
 * does not run, perhaps because it runs this one: so it halts. It says for what in cpu->halts_for
 * and leaves HALTED in the lock, and who lets that go kicks one such CPU. Interrupts stay off, but
 * for the kick. A CPU that takes the lock after it has halted leaves HALTED there: others may halt
 * for it, too (Drepper, "Futexes Are Tricky", §6, has the same three states).
 */
#include "core/sync/spinlock.h"

#include "arch/cpu.h"
#include "arch/trap.h"
#include "core/panic.h"
#include "core/platform.h"
#include "core/sched/thread.h"
#include "core/sync/lockcheck.h"
#include "core/time/timer.h"

#define BACK_OFF_MAX 64u /* pauses */
#define SPIN_US      25u /* about what a halt and a kick cost */

enum { FREE, TAKEN, HALTED };

bool spinlock_shared;

/* HALTED stays where it is. */
static bool try_take(struct spinlock *l)
{
	uint32_t free = FREE;

	return __atomic_compare_exchange_n(&l->held, &free, TAKEN, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* False: it takes too long. */
static bool spin_and_take(struct spinlock *l)
{
	uint64_t since = cpu_cycles(), most = (uint64_t)clock_tsc_khz() * SPIN_US / 1000;
	unsigned pauses = 1;

	do {
		while (READ_ONCE(l->held) != FREE) {
			for (unsigned i = 0; i < pauses; i++)
				cpu_relax();
			pauses = min(pauses * 2, BACK_OFF_MAX);
			if (cpu_cycles() - since > most)
				return false;
		}
	} while (!try_take(l));
	return true;
}

/* Under DEBUG a waiter looks on: one that halts for ever would never report the deadlock. */
static void rest(void)
{
#ifdef DEBUG
	cpu_relax();
#else
	cpu_wait_irq();
#endif
}

/* A kick that comes between the look and the halt ends the halt. */
static void halt_and_take(struct spinlock *l)
{
	uint64_t since = cpu_cycles();
	struct cpu *self = cpu_this();

	platform->irq_hold(true);
	(void)atomic_exchange(&self->halts_for, l);
	while (__atomic_exchange_n(&l->held, HALTED, __ATOMIC_SEQ_CST) != FREE) {
		rest();
		lockcheck_spin_waits(l, since);
	}
	atomic_store(&self->halts_for, NULL);
	platform->irq_hold(false);
}

void spin_lock(struct spinlock *l)
{
	bool irqs_were_on = cpu_irq_save();

	lockcheck_spin_wants(l, __builtin_return_address(0));
	if (unlikely(!try_take(l)) && !spin_and_take(l))
		halt_and_take(l);
	lockcheck_spin_has(l, __builtin_return_address(0));
	l->irqs_were_on = irqs_were_on;
}

/* At once, not when all locks are let go: this CPU may want one next that the other holds. */
static NOINLINE void kick_one(const struct spinlock *l)
{
	for (uint64_t left = atomic_load(&cpus_online); left != 0; left &= left - 1) {
		if (atomic_load(&cpu_first(left)->halts_for) != l)
			continue;
		platform->send_ipi(cpu_first(left), TRAP_KICK);
		return;
	}
}

/* The lock may be gone once it is free: only its address is used then. */
static void let_go(struct spinlock *l)
{
	if (!spinlock_shared)
		__atomic_store_n(&l->held, FREE, __ATOMIC_RELEASE);
	else if (unlikely(__atomic_exchange_n(&l->held, FREE, __ATOMIC_SEQ_CST) == HALTED))
		kick_one(l);
}

void spin_unlock(struct spinlock *l)
{
	bool irqs_were_on = l->irqs_were_on;

	assert(l->held != FREE);
	lockcheck_spin_gives(l);
	let_go(l);
	if (!irqs_were_on)
		return;
	if (unlikely(READ_ONCE(cpu_this()->attention)))
		sched_preempt_irq();
	cpu_irq_enable();
}
