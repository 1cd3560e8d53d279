/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU data of this machine. GS points at struct cpu, always: programs run at the same privilege
 * level and are not given GS. struct cpu stands right above the CPU's interrupt-flag page, so that
 * the flag is one GS-relative byte (no pointer that a migration could make stale).
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"
#include <machine/layout.h>

struct cpu_arch {
	struct cpu *self;                /* [I] */
	struct thread *current;          /* [o] */
	vaddr_t kstack_top;              /* [o] of the current thread */
	uint64_t scratch;                /* [o] of syscall_entry, interrupts off */
	uint64_t fault_address;          /* [o] of the page fault being entered */
	paddr_t loaded_root;             /* [o] what CR3 holds */
	struct mmu_space *loaded;        /* [o] whose tables these are; NULL: the kernel's own */
	unsigned preempt_off;            /* [o] > 0: no preemption */
	struct descriptors *descriptors; /* [I] what the processor itself reads */
} ALIGNED(4096);

#define CPU_PREEMPT_OFF __builtin_offsetof(struct cpu_arch, preempt_off)

static inline struct cpu *cpu_this(void)
{
	struct cpu *c;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(c) : "i"(CPU_SELF));
	return c;
}

/* One instruction each: a thread may change its CPU before and after, but not within. */
static inline void cpu_preempt_off_add(void)
{
	__asm__ volatile("incl %%gs:%c0" : : "i"(CPU_PREEMPT_OFF) : "memory", "cc");
}

/* True: preemption is on again. */
static inline bool cpu_preempt_off_sub(void)
{
	bool zero;

	__asm__ volatile("decl %%gs:%c1" : "=@ccz"(zero) : "i"(CPU_PREEMPT_OFF) : "memory");
	return zero;
}

/* The same for as long as a function runs, so the compiler may keep it. */
static inline struct thread *thread_current(void)
{
	struct thread *t;

	__asm__("mov %%gs:%c1, %0" : "=r"(t) : "i"(CPU_CURRENT));
	return t;
}
