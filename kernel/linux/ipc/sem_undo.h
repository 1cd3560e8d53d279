/* SPDX-License-Identifier: BSD-2-Clause */
/* SEM_UNDO's part of tasks: what their end gives back (semop(2)). */
#pragma once
#include "lib/types.h"

struct task;

/* A new task: shares the current one's list (CLONE_SYSVSEM), or starts without one. False: no
 * memory. */
bool sem_undo_clone(struct task *t, bool share);
/* The task ends, was never started, or wants a list of its own (unshare(CLONE_SYSVSEM)): what the
 * last user of a list had adjusted is undone. */
void sem_undo_exit(struct task *t);
