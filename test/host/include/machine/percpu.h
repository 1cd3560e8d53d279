/* SPDX-License-Identifier: BSD-2-Clause */
/* The host tests' machine: its one CPU, and its one thread. */
#pragma once
#include "lib/types.h"

struct cpu_arch {
	struct cpu *self;
	struct thread *current;
	vaddr_t kstack_top;
};

extern struct cpu *fake_cpu;
extern struct thread *fake_thread;

static inline struct cpu *cpu_this(void)
{
	return fake_cpu;
}
static inline struct thread *thread_current(void)
{
	return fake_thread;
}
