/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt flag, in two variants chosen once at boot: RFLAGS.IF, or on a software-KVM host a
 * byte in the CPU's flag page (abi/hull/soft_kvm.h). Until mmu_init() has mapped the real page, the
 * kernel works on a page of zeros in its place: interrupts are off then anyway.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"
#include <machine/layout.h>

extern bool cpu_soft_kvm;

static inline void cpu_irq_disable(void)
{
	if (cpu_soft_kvm)
		__asm__ volatile("movb $0, %%gs:%c0" : : "i"(CPU_FLAG_IF) : "memory");
	else
		__asm__ volatile("cli" : : : "memory");
}

static inline void cpu_irq_enable(void)
{
	if (!cpu_soft_kvm) {
		__asm__ volatile("sti" : : : "memory");
		return;
	}
	__asm__ volatile("movb $1, %%gs:%c0\n\t"
			 "cmpb $0, %%gs:%c1\n\t"
			 "je 1f\n\t"
			 "sti\n"
			 "1:"
			 :
			 : "i"(CPU_FLAG_IF), "i"(CPU_FLAG_PENDING)
			 : "memory", "cc");
}

static inline bool cpu_irqs_are_on(void)
{
	uint64_t flags;
	uint8_t on;

	if (cpu_soft_kvm) {
		__asm__ volatile("movb %%gs:%c1, %0" : "=q"(on) : "i"(CPU_FLAG_IF) : "memory");
		return on;
	}
	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
	return flags & RFLAGS_IF;
}

static inline bool cpu_irq_save(void)
{
	bool on = cpu_irqs_are_on();

	cpu_irq_disable();
	return on;
}

static inline void cpu_irq_restore(bool were_on)
{
	if (were_on)
		cpu_irq_enable();
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline uint64_t cpu_cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

void cpu_wait_irq(void);
