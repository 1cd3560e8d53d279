/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restartable sequences (rseq(2)): a registered area holds the CPU that the thread runs on, and
 * points at a critical section while the thread is in one. A preemption or a signal inside it sends
 * the thread to the section's abort handler.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct task;
struct trap_frame;

#define RSEQ_FEATURE_SIZE 28 /* up to mm_cid */
#define RSEQ_AREA_ALIGN   32

/* A signal handler is about to run. */
void rseq_abort_section(struct task *t, struct trap_frame *f);
/* The thread was preempted, or moved: also refreshes the CPU's number. */
void rseq_after_preemption(struct task *t, struct trap_frame *f);
