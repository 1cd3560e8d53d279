/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPU with nothing to do. It halts; but where there are several CPUs, and its last idle times
 * were short, it first polls for a while, for halting and being woken is dear. The while doubles
 * each time that polling would have been right, halves when not, and is bounded; an idle VM's is 0.
 *
 * Nobody sends an interrupt to a CPU that polls. So it clears its bit in cpus_polling before its
 * last look at need_resched and calls_from, while the other side (cpu_kick, cpu_call) stores there
 * before it looks at the bit: one of the two sees the other.
 *
 * A CPU that halts has the kernel's own tables loaded: no flush of a program's space must wake it.
 * While it is idle preemption is off, so that an interrupt cannot switch away from here.
 */
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "core/sched/balance.h"
#include "core/sched/sched.h"
#include "core/time/timer.h"
#include "lib/atomic.h"

#define POLL_FIRST_NS (8 * 1000ll)
#define POLL_MAX_NS   (50 * 1000ll)
#define PULL_AFTER_NS (8 * 1000ll) /* who waits elsewhere for so long waits for us */

uint64_t cpus_idle, cpus_polling;

static bool is_asked(const struct cpu *cpu)
{
	return atomic_load(&cpu->need_resched) || READ_ONCE(cpu->rq.nr_runnable) > 0;
}

/* Interrupts on. Returns when there is something to do, or in vain. */
static void look_until(struct cpu *cpu, nsec_t end)
{
	nsec_t now = clock_monotonic(), waits_since = NSEC_NEVER;

	for (; now < end && !is_asked(cpu); now = clock_monotonic()) {
		if (!balance_anyone_waits(cpu))
			waits_since = NSEC_NEVER;
		else if (waits_since == NSEC_NEVER)
			waits_since = now;
		else if (now - waits_since > PULL_AFTER_NS)
			return;
		cpu_relax();
	}
}

static void poll(struct cpu *cpu, nsec_t start)
{
	if (cpu->poll_ns == 0)
		return;
	atomic_or(&cpus_polling, cpu_bit(cpu));
	cpu_irq_enable();
	look_until(cpu, start + cpu->poll_ns);
	cpu_irq_disable();
	atomic_and(&cpus_polling, ~cpu_bit(cpu));
}

static void learn(struct cpu *cpu, nsec_t idled)
{
	if (idled < POLL_MAX_NS)
		cpu->poll_ns = min(max(cpu->poll_ns * 2, POLL_FIRST_NS), POLL_MAX_NS);
	else
		cpu->poll_ns = cpu->poll_ns > POLL_FIRST_NS ? cpu->poll_ns / 2 : 0;
}

static void wait_among_others(struct cpu *cpu)
{
	nsec_t start = clock_monotonic();

	atomic_or(&cpus_idle, cpu_bit(cpu));
	poll(cpu, start);
	if (!is_asked(cpu) && !balance_pull(cpu)) {
		mmu_space_load(NULL);
		if (!is_asked(cpu))
			cpu_wait_irq();
	}
	atomic_and(&cpus_idle, ~cpu_bit(cpu));
	learn(cpu, clock_monotonic() - start);
}

void sched_idle(void)
{
	struct cpu *cpu = cpu_this();

	cpu_irq_disable();
	for (;;) {
		ipi_pay_dues(cpu);
		if (is_asked(cpu) || balance_pull(cpu)) {
			sched_run_queue();
			continue;
		}
		cpu_preempt_off_add();
		if (cpu_is_alone())
			cpu_wait_irq();
		else
			wait_among_others(cpu);
		cpu_preempt_off_sub();
	}
}
