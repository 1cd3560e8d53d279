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
	struct cpu *self;       /* [I] */
	struct thread *current; /* [o] */
	vaddr_t kstack_top;     /* [o] of the current thread */
	uint64_t scratch;       /* [o] of syscall_entry, interrupts off */
	uint64_t fault_address; /* [o] of the page fault being entered */
	paddr_t loaded_root;    /* [o] what CR3 holds */
} ALIGNED(4096);

static inline struct cpu *cpu_this(void)
{
	struct cpu *c;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(c) : "i"(CPU_SELF));
	return c;
}

/* The same for as long as a function runs, so the compiler may keep it. */
static inline struct thread *thread_current(void)
{
	struct thread *t;

	__asm__("mov %%gs:%c1, %0" : "=r"(t) : "i"(CPU_CURRENT));
	return t;
}
