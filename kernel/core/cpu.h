/* SPDX-License-Identifier: BSD-2-Clause */
/* One CPU: what the scheduler, timers and allocators keep per CPU. cpu_this() is
 * arch/percpu.h's. */
#pragma once
#include "arch/percpu.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "lib/list.h"
#include "lib/tree.h"

#define CPUS_MAX 64

struct runqueue {
	struct spinlock lock;
	struct list realtime[100];    /* [l] by SCHED_FIFO/RR priority */
	struct tree fair;             /* [l] by virtual run time */
	struct tree_node *fair_first; /* [l] */
	unsigned nr_runnable;         /* [l] without the idle thread */
	uint64_t virtual_min;         /* [l] */
};

struct cpu {
	struct cpu_arch arch; /* first: the entry code finds it there */
	unsigned id;          /* [I] */
	unsigned preempt_off; /* [o] > 0: no preemption */
	bool need_resched;    /* [a] */
	bool in_irq;          /* [o] */
	struct thread *idle;  /* [I] */
	struct thread *reap;  /* [o] a thread that ended here and still needs its stack freed */
	const struct vmspace *space; /* [o] whose page tables are loaded; NULL: the kernel's own */
	struct runqueue rq;
	struct spinlock timer_lock;
	struct tree timers;            /* [timer_lock] by deadline */
	nsec_t timer_armed;            /* [timer_lock] what the hardware is set to, or NSEC_NEVER */
	struct timer slice;            /* ends the current thread's turn when others wait */
	uint64_t nr_switches, nr_irqs; /* [o] */
	nsec_t idle_ns;                /* [o] */
};

extern struct cpu cpu_boot;
extern struct cpu *cpus[CPUS_MAX];
extern unsigned nr_cpus;
