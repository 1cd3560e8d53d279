/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A world for the network stack in an ordinary process: time that passes only when it is told to,
 * timers that fire by it, memory that is counted and may fail, locks that must not be taken twice.
 * It stands in for kernel/core and kernel/mm; kernel/net is linked as it is.
 */
#pragma once
#include "core/time/timer.h"
#include "lib/types.h"

extern nsec_t world_now; /* CLOCK_MONOTONIC */

void world_start(uint64_t seed);     /* a fresh one; time begins at an hour */
void world_advance(nsec_t to);       /* timers fire in order, each at its time */
bool world_step(nsec_t limit);       /* to the next timer, if it is not after `limit` */
nsec_t world_next(void);             /* when it is due; NSEC_NEVER: there is none */
uint64_t world_random(void);         /* the test's own numbers: not the stack's */
double world_chance(void);           /* 0 <= x < 1 */
size_t world_nr_objects(void);       /* allocations that were not given back */
size_t world_bytes(void);            /* of these */
size_t world_bytes_most(void);       /* ever, since world_start */
void world_fail_rate(unsigned rate); /* of 65536 allocations so many fail */
