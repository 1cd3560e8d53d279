/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU data. struct cpu (core/smp/cpu.h) begins with struct cpu_arch, which <machine/percpu.h>
 * defines and which holds at least:
 *
 *	struct cpu *self;
 *	struct thread *current;
 *	vaddr_t kstack_top;		of the current thread: where a system call's frame goes
 *	unsigned preempt_off;		above 0: this CPU does not switch threads by itself
 *
 * <machine/percpu.h> gives cpu_this() and thread_current() as one load each, and
 * cpu_preempt_off_add() and cpu_preempt_off_sub() (true: it is 0 now) for the count. A thread that
 * may be preempted must not keep what cpu_this() returned.
 */
#pragma once
#include "lib/types.h"

struct cpu;
struct thread;
#include <machine/percpu.h>
