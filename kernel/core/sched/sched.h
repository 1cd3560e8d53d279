/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the scheduler share: sched.c, sched_policy.c, balance.c, idle.c. */
#pragma once
#include "core/sched/thread.h"
#include "core/smp/cpu.h"

/* Takes the lock of t's run queue: t->cpu does not change while it is held. */
struct cpu *sched_lock_of(const struct thread *t);
/*
 * t, in no queue, goes to another CPU: sched_depart() with the lock of `from`, t->cpu, held; then,
 * once its context is saved and no lock is held, sched_arrive(). Interrupts off all the while.
 */
void sched_depart(struct cpu *from, struct thread *t, struct cpu *to);
void sched_arrive(struct thread *t);
/* Interrupts on again, if they were; what this CPU owes others, and a preemption that is due, come
 * first. */
void sched_irq_restore(bool were_on);
/* For the idle thread, interrupts off: runs who waits, returns when nobody does. */
void sched_run_queue(void);
