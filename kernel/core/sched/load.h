/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load: how many threads run or wait for a CPU, averaged over the last 1, 5 and 15 minutes,
 * older times counting less by e each such time (proc(5), loadavg). Linux also counts threads in
 * uninterruptible sleep; here such sleeps are short.
 *
 * There is no tick. A CPU adds to its sum, thread times nanoseconds, whenever it switches threads,
 * and folds the sum into the averages when some periods have gone by; whoever asks does the same
 * for the time since, on a copy.
 */
#pragma once
#include "lib/types.h"

#define LOAD_SHIFT 16 /* averages are fixed-point numbers */
#define LOAD_TERMS 3

struct load {
	uint64_t sum_ns; /* since `since` */
	nsec_t since;
	uint32_t averages[LOAD_TERMS];
};

/* nr threads ran or waited for `time` up to `now`. */
void load_add(struct load *l, unsigned nr, nsec_t time, nsec_t now);
/* Of all CPUs together; *nr_running: at this moment. */
void load_get(uint32_t averages[LOAD_TERMS], unsigned *nr_running);
