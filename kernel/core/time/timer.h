/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time and timers. Tickless: the hardware is armed for the earliest deadline only. Callbacks run in
 * interrupt context, interrupts off, with no lock held; they may arm their own timer again.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/tree.h"
#include "lib/types.h"

struct timer {
	struct tree_node node;       /* [timer_lock] */
	nsec_t deadline;             /* [timer_lock] CLOCK_MONOTONIC */
	struct cpu *cpu;             /* [timer_lock] whose lock that is; NULL: never armed */
	bool armed;                  /* [timer_lock] */
	bool running;                /* [timer_lock] its callback is under way */
	void (*fn)(struct timer *t); /* [I] */
};

void timer_init(struct timer *t, void (*fn)(struct timer *));
void timer_arm(struct timer *t,
	       nsec_t deadline); /* re-arms; a past deadline fires at once (from an irq) */
/*
 * After it returns the callback does not run, here or on another CPU, and will not. True: it was
 * armed. Not from its own callback, nor with a lock held that the callback takes.
 */
bool timer_cancel(struct timer *t);
void timer_irq(void); /* from the platform's timer interrupt */

nsec_t clock_monotonic(void);
nsec_t clock_realtime(void);
void clock_set_realtime(nsec_t now);
/* Set once by the platform: ns = ((tsc - base) * mult) >> shift, and the wall clock's offset. */
void clock_init(uint32_t tsc_khz, nsec_t wall_now_or_0);
uint32_t clock_tsc_khz(void);
/* Fills the vDSO's data page and keeps it so. */
struct vdso_time;
void clock_attach_vdso(struct vdso_time *t);
void clock_cpus_changed(void); /* nr_cpus did */
/* Spins. */
void clock_delay(nsec_t ns);
