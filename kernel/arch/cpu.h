/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU as the rest of the kernel sees it. <machine/cpu.h> defines the inline ones:
 *
 *	void cpu_irq_disable(void);		void cpu_irq_enable(void);
 *	bool cpu_irq_save(void);		disables; returns whether they were on
 *	void cpu_irq_restore(bool were_on);
 *	bool cpu_irqs_are_on(void);
 *	void cpu_relax(void);			in a spin loop
 *	uint64_t cpu_cycles(void);		the time-stamp counter
 *	void cpu_wait_irq(void);		interrupts off: halts until one is pending,
 *						lets it run; off again on return; may be early
 *
 * Interrupts are virtual on a software-KVM host (abi/hull/soft_kvm.h): never touch the flag
 * otherwise.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"
#include <machine/cpu.h>

/*
 * Makes the CPU that it runs on ready: per-CPU base, descriptor tables, trap stacks, system-call
 * entry, FPU. cpu_init_early is called first of all, on the boot stack, with nothing else working:
 * it sets the per-CPU base and a current thread (cpu->idle) only. cpu_init comes after the page and
 * kmem allocators.
 */
struct cpu;
struct boot_info;
void cpu_init_early(struct cpu *cpu, const struct boot_info *info);
void cpu_init(struct cpu *cpu);

/*
 * A further CPU. cpu_new() makes its struct cpu, zeroed but for what is the machine's; NULL = no
 * memory. cpu_start_fill() says how it is to begin (abi/hull/cpu_start.h): on cpu->idle's stack,
 * with the kernel's own tables, at cpu_secondary_entry; there it does what cpu_init_early does for
 * the boot CPU and calls cpu_secondary_main(cpu) (core/smp/secondary.c), interrupts off.
 */
struct cpu_start;
struct cpu *cpu_new(void);
void cpu_free(struct cpu *cpu); /* one that was never started */
void cpu_start_fill(struct cpu *cpu, struct cpu_start *how);
void cpu_secondary_entry(void);

/* Fills buf from the CPU's generator. Returns the bytes got: 0 where there is none. */
size_t cpu_random(void *buf, size_t len);

/* Stops this CPU for ever, interrupts off. */
NORETURN void cpu_stop(void);

/* One-line facts for procfs: vendor, model name, flags, as Linux's /proc/cpuinfo shows them. */
struct cpu_facts {
	char vendor[16], model_name[64];
	unsigned family, model, stepping, cache_kib;
	char flags[1024];
};
void cpu_facts_get(struct cpu_facts *out);
