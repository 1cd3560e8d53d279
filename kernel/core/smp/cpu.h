/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One CPU: what the scheduler, timers and allocators keep per CPU. cpu_this() is
 * arch/percpu.h's.
 *
 * cpus[0] boots; the others begin later (secondary.c). nr_cpus is what programs see: it grows
 * when a CPU is there for good. The masks have a bit per CPU and are what the kernel goes by.
 */
#pragma once
#include "arch/percpu.h"
#include "core/sched/load.h"
#include "core/smp/ipi.h"
#include "core/sync/spinlock.h"
#include "core/time/timer.h"
#include "lib/list.h"
#include "lib/tree.h"

#define CPUS_MAX 64

struct runqueue {
	struct spinlock lock;
	struct list realtime[100];    /* [l] by SCHED_FIFO/RR priority */
	struct tree fair;             /* [l] by virtual run time */
	struct tree_node *fair_first; /* [l] */
	unsigned nr_runnable;         /* [l] without the idle thread and the one that runs */
	unsigned nr_realtime;         /* [l] of these */
	nsec_t slice_end;             /* [l] when cpu->slice rings; NSEC_NEVER: it will not */
	struct load load;             /* [l] up to load_until */
	nsec_t load_until;            /* [l] */
	uint64_t virtual_min;         /* [l] */
};

struct cpu {
	/* [I] immutable  [a] atomic  [o] this CPU only, interrupts off */
	struct cpu_arch arch; /* first: the entry code finds it there */
	unsigned id;          /* [I] */
	union {
		struct {
			bool need_resched; /* [a] */
			bool has_dues;     /* [o] */
		};
		uint16_t attention; /* either: sched_preempt_irq() before interrupts go on */
	};
	bool in_irq;          /* [o] */
	bool timer_due;       /* [o] the hardware is to be set to timer_armed */
	uint64_t ipis_due;    /* [o] bit per CPU that is to be interrupted */
	struct thread *idle;  /* [I] */
	struct thread *reap;  /* [o] a thread that ended here and still needs its stack freed */
	struct thread *moved; /* [o] one that may not stay here, once it is switched away from */
	struct runqueue rq;
	struct spinlock timer_lock;
	struct tree timers;            /* [timer_lock] by deadline */
	nsec_t timer_armed;            /* [o] what the hardware is set to, or NSEC_NEVER */
	struct timer slice;            /* ends the current thread's turn when others wait */
	unsigned nr_slices;            /* [o] since one that waited here was sent elsewhere */
	uint64_t nr_switches, nr_irqs; /* [o] */
	nsec_t idle_ns;                /* [o] */
	nsec_t poll_ns;                /* [o] how long it polls before it halts (sched/idle.c) */
	struct cpu_call call;          /* [o] what it asks of others (ipi.c) */
	uint64_t calls_from;           /* [a] bit per CPU whose `call` is to be run here */
	struct spinlock *halts_for;    /* [a] it halts until that lock is let go */
};

extern struct cpu cpu_boot;
extern struct cpu *cpus[CPUS_MAX]; /* set before the CPU's bit is */
extern unsigned nr_cpus;           /* [a] */
extern uint64_t cpus_online;       /* [a] takes interrupts and runs threads */
extern uint64_t cpus_idle;    /* [a] has nothing to run; whoever gives it something clears it */
extern uint64_t cpus_polling; /* [a] idle, and looks by itself: needs no interrupt */

static inline uint64_t cpu_bit(const struct cpu *cpu)
{
	return 1ull << cpu->id;
}

/* The lowest CPU of a mask that is not empty. */
static inline struct cpu *cpu_first(uint64_t mask)
{
	return cpus[__builtin_ctzll(mask)];
}

static inline bool cpu_is_alone(void)
{
	uint64_t online = __atomic_load_n(&cpus_online, __ATOMIC_RELAXED);

	return (online & (online - 1)) == 0;
}
