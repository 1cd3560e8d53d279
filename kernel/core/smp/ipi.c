/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls between CPUs: core/smp/ipi.h has the theory. */
#include "core/smp/ipi.h"

#include "arch/cpu.h"
#include "arch/trap.h"
#include "core/panic.h"
#include "core/platform.h"
#include "core/sched/sched.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/sync/lockcheck.h"
#include "core/time/timer.h"
#include "lib/atomic.h"

#define SPIN_US 40u

static bool stopping; /* [a] a panic: nobody goes on */

/* An interrupt is enough: it ends the halt. */
static void wake_caller(struct cpu *caller)
{
	if (atomic_load(&caller->call.halts))
		platform->send_ipi(caller, TRAP_IPI);
}

void ipi_run_calls(struct cpu *cpu)
{
	uint64_t from = atomic_exchange(&cpu->calls_from, 0);

	for (; from != 0; from &= from - 1) {
		struct cpu *caller = cpu_first(from);

		caller->call.fn(caller->call.arg);
		/* The slot may be used anew from here on. */
		if (atomic_and(&caller->call.pending, ~cpu_bit(cpu)) == cpu_bit(cpu))
			wake_caller(caller);
	}
}

void ipi_irq(void)
{
	if (atomic_load(&stopping))
		cpu_stop();
	ipi_run_calls(cpu_this());
	sched_kicked();
}

/* Posts this CPU's call to the others of the mask. Preemption off. */
static void post(struct cpu *self, uint64_t others, void (*fn)(void *), void *arg)
{
	self->call.fn = fn;
	self->call.arg = arg;
	atomic_store(&self->call.pending, others);
	for (; others != 0; others &= others - 1) {
		struct cpu *cpu = cpu_first(others);

		if (atomic_or(&cpu->calls_from, cpu_bit(self)) == 0)
			platform->send_ipi(cpu, TRAP_IPI);
	}
}

/* The flag is set before the last look, as the others store before they look at it. */
static void halt_until_done(struct cpu *self)
{
	cpu_irq_disable();
	(void)atomic_exchange(&self->call.halts, true);
	while (atomic_load(&self->call.pending) != 0)
		cpu_wait_irq();
	atomic_store(&self->call.halts, false);
	cpu_irq_enable();
}

static void wait_until_done(struct cpu *self)
{
	uint64_t start = cpu_cycles(), most = (uint64_t)clock_tsc_khz() * SPIN_US / 1000;
	bool irqs_are_on = cpu_irqs_are_on();

	while (atomic_load(&self->call.pending) != 0) {
		if (!irqs_are_on)
			ipi_run_calls(self);
		else if (cpu_cycles() - start > most)
			halt_until_done(self);
		cpu_relax();
	}
}

void cpu_call(uint64_t mask, void (*fn)(void *), void *arg)
{
	struct cpu *self;
	bool irqs_were_on;

	lock_assert_none_spinning();
	preempt_disable();
	self = cpu_this();
	mask &= atomic_load(&cpus_online);
	post(self, mask & ~cpu_bit(self), fn, arg);
	if (mask & cpu_bit(self)) {
		irqs_were_on = cpu_irq_save();
		fn(arg);
		cpu_irq_restore(irqs_were_on);
	}
	wait_until_done(self);
	preempt_enable();
}

void cpu_poke(struct cpu *cpu)
{
	bool irqs_were_on = cpu_irq_save();
	struct cpu *self = cpu_this();

	self->ipis_due |= cpu_bit(cpu);
	self->has_dues = true;
	sched_irq_restore(irqs_were_on);
}

/* The store before the look at the mask: core/sched/idle.c has the other half. */
void cpu_kick(struct cpu *cpu)
{
	bool was_asked = atomic_exchange(&cpu->need_resched, true);

	if (cpu == cpu_this() || was_asked || (atomic_load(&cpus_polling) & cpu_bit(cpu)))
		return;
	cpu_poke(cpu);
}

void ipi_pay_dues(struct cpu *self)
{
	uint64_t due = self->ipis_due;

	if (!self->has_dues)
		return;
	self->has_dues = false;
	self->ipis_due = 0;
	if (self->timer_due)
		platform->timer_set(self->timer_armed);
	self->timer_due = false;
	for (; due != 0; due &= due - 1)
		platform->send_ipi(cpu_first(due), TRAP_IPI);
}

void ipi_stop_others(void)
{
	uint64_t others = atomic_load(&cpus_online) & ~cpu_bit(cpu_this());

	atomic_store(&stopping, true);
	for (; others != 0; others &= others - 1)
		platform->send_ipi(cpu_first(others), TRAP_IPI);
}
