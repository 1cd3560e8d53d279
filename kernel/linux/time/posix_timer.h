/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interval timers (setitimer, alarm) and POSIX timers (timer_create), both over core/time/timer.h.
 *
 * A timer on a CPU-time clock is armed for the earliest moment at which that much CPU time can
 * have passed; when it rings too early, because the process did not run all the time, it is armed
 * again for what is left (at least CPU_TIMER_STEP, so that an idle process is not woken ever more
 * often).
 */
#pragma once
#include <asm/siginfo.h>
#include <linux/time_types.h>

#include "core/time/timer.h"
#include "lib/list.h"
#include "lib/types.h"
#include "linux/signal/signals.h"

struct process;
struct task;

struct posix_timer {
	struct list link;        /* [process.lock] */
	int id;                  /* [I] */
	int clock;               /* [I] */
	int notify, signo;       /* [I] SIGEV_* */
	struct process *process; /* [I] not counted: its end deletes its timers */
	struct task *target;     /* [I] held, or NULL: of SIGEV_THREAD_ID */
	struct task *counted;    /* [I] held, or NULL: whose CPU time is counted */
	struct timer timer;
	nsec_t expires;        /* [process.lock] on `clock`; 0: off */
	nsec_t interval;       /* [process.lock] */
	unsigned overrun_last; /* [process.lock] of the signal taken last */
	struct signal_entry entry;
};

#define CPU_TIMER_STEP (4 * 1000 * 1000ll)

void posix_timer_interval_rings(struct timer *t);
/* exec and exit: all POSIX timers go; exit: the interval timers too. Thread context. */
void posix_timer_delete_all(struct process *p);
void posix_timer_interval_stop(struct process *p);
/* The signal of a timer is taken: fills si_overrun and starts the next period. process->lock is
 * held. */
void posix_timer_taken_locked(struct posix_timer *pt, siginfo_t *info);
