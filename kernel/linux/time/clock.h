/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks by Linux's numbers, and times as programs pass them. Timer code works on CLOCK_MONOTONIC
 * (core/time/timer.h): clock_to_deadline turns a time of another clock into it.
 */
#pragma once
#include <linux/time.h>
#include <linux/time_types.h>

#include "lib/compiler.h"
#include "lib/types.h"

/* The clock's time now. -EINVAL: no such clock. Per-process and per-thread ids too. */
MUST_CHECK int clock_now(int clock, nsec_t *out);
/* An absolute time of a clock (not of CPU time) as a deadline. -EINVAL. */
MUST_CHECK int clock_to_deadline(int clock, nsec_t when, nsec_t *deadline);
bool clock_is_cpu_time(int clock);
/* The CPU time of one thread: *tid, or 0 for the caller's. */
bool clock_is_of_thread(int clock, int *tid);
/* A timer of an alarm clock wakes the machine up: only with CAP_WAKE_ALARM. */
bool clock_is_allowed(int clock);

/* From and to user memory; -EINVAL: negative or too many nanoseconds. Large seconds saturate. */
MUST_CHECK int clock_read_timespec(uaddr_t from, nsec_t *out);
MUST_CHECK int clock_write_timespec(uaddr_t to, nsec_t t);
/* A relative time-out, as a deadline. */
MUST_CHECK int clock_read_timeout(uaddr_t from, nsec_t *deadline);
nsec_t clock_timespec_ns(const struct __kernel_timespec *ts); /* -EINVAL as a negative number */
nsec_t clock_add(nsec_t a, nsec_t b);                         /* saturates at NSEC_NEVER */
