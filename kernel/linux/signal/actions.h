/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process does on each signal (sigaction(2)): a counted table, since processes may share one
 * (clone(2), CLONE_SIGHAND). A process's pointer to its table changes only when it execs, alone by
 * then: its own tasks read it freely, others under process->lock.
 *
 * The table's lock is taken inside of process->lock. An address of a handler is one word, and may
 * be read without it.
 */
#pragma once
#include <asm/siginfo.h>
#include <linux/signal.h>

#include "core/sync/spinlock.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

#define NSIG_MAX 64

struct signal_actions {
	struct ref ref;
	struct spinlock lock;
	struct sigaction of[NSIG_MAX]; /* [lock] by sig - 1 */
};

/* A copy, or with NULL a table of defaults. NULL: no memory. */
struct signal_actions *signal_actions_new(struct signal_actions *from);
struct signal_actions *signal_actions_get(struct signal_actions *a);
void signal_actions_put(struct signal_actions *a);
bool signal_actions_are_shared(const struct signal_actions *a);
struct sigaction signal_action_get(struct signal_actions *a, int sig);
void signal_action_set(struct signal_actions *a, int sig, const struct sigaction *to);
/* All handlers back to the default; what is ignored stays so. Masks and flags go. */
void signal_actions_reset(struct signal_actions *a);

static inline __sighandler_t signal_handler_of(const struct signal_actions *a, int sig)
{
	return __atomic_load_n(&a->of[sig - 1].sa_handler, __ATOMIC_RELAXED);
}
