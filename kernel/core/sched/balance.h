/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPU a thread runs on.
 *
 * Waking a CPU that halts costs both sides (20 us where KVM is done in software), handing over to
 * one that polls costs next to nothing, and the CPU that wakes a thread can often run it at once
 * itself. So a woken thread goes to, in this order: the CPU it ran on last, if that polls; this
 * CPU, if it is idle (the waker is an interrupt); any CPU that polls; this CPU, if the thread that
 * runs here is known to sleep soon (its bursts are short) and nobody waits here yet; the last CPU
 * if it halts; any CPU that halts; the last CPU. A new thread goes to an idle CPU if there is one.
 *
 * A wrong guess is put right: a CPU that runs out of threads takes one from another's queue
 * (balance_pull), and where threads wait while another CPU is idle or has two fewer, the slice is
 * short and its end pushes one over there (balance_push). Where it has one fewer, one is sent to
 * the next CPU every few slices, so that each thread has its turn at a CPU of its own. While nobody
 * waits, nothing of all this runs.
 */
#pragma once
#include "core/smp/cpu.h"

struct thread;

/* Interrupts off, as all of these. */
struct cpu *balance_choose(const struct thread *t);
/* May t, which runs or waits there, go on doing so? With that queue's lock. */
bool balance_may_stay(const struct cpu *cpu, const struct thread *t);
/* Takes a waiting thread from another CPU. True: this CPU's queue has somebody. No lock held. */
bool balance_pull(struct cpu *cpu);
/* At the end of a slice on this CPU. No lock held. */
void balance_push(struct cpu *cpu);
/* How long a slice is to be, for somebody waits. */
nsec_t balance_slice(const struct cpu *cpu);
/* Does anybody wait for a CPU that is not this one? A hint. */
bool balance_anyone_waits(const struct cpu *cpu);
