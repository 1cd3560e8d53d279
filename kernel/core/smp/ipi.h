/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking other CPUs for something: to look at their run queue, to run a function.
 *
 * A CPU has one call under way at a time (struct cpu.call, one slot); who wants it run sees the
 * caller's bit in its own `calls_from`. Nothing is allocated and nothing is queued twice: an
 * interrupt is sent only when calls_from was empty.
 *
 * Why it cannot deadlock: a caller waits with preemption off but interrupts on, or, if it has them
 * off, runs what is asked of itself while it waits, so two CPUs that call each other both get on.
 * A spinlock is held with interrupts off, and whoever spins for it answers nobody: therefore a call
 * is never made while a spinlock is held (checked under DEBUG). What is called runs in an
 * interrupt, interrupts off, and takes no lock that is ever held with interrupts on.
 *
 * Whoever waits spins for as long as an answer usually takes and then halts: the CPU that it waits
 * for may be one that the host does not run, because the host runs this one.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct cpu;

struct cpu_call {
	void (*fn)(void *arg);
	void *arg;
	uint64_t pending; /* [a] bit per CPU that has not run it yet */
	bool halts;       /* [a] the caller waits halted: the last one wakes it */
};

/* Runs fn(arg) on each online CPU of the mask, on this one too if it is in there, and returns when
 * all have. Holding no spinlock. It is a full memory barrier on each of them. */
void cpu_call(uint64_t mask, void (*fn)(void *), void *arg);
/*
 * Makes it choose anew who runs. Any context. With interrupts off the interrupt is sent when they
 * go on again: what sends it traps to the host, which may run another CPU instead, and that one
 * would wait for the lock that is held here.
 */
void cpu_kick(struct cpu *cpu);
/* Only makes it pass through an interrupt: a slice may begin, its thread looks at its `work`. */
void cpu_poke(struct cpu *cpu);
/* What this CPU owes to others and to its timer. Interrupts off, no lock held. */
void ipi_pay_dues(struct cpu *self);

/* From the entry code: TRAP_IPI. */
void ipi_irq(void);
/* For a CPU that polls: runs what is asked of it. Interrupts off. */
void ipi_run_calls(struct cpu *cpu);
/* For a panic: the others stop at their next interrupt, which is sent. */
void ipi_stop_others(void);
