/* SPDX-License-Identifier: BSD-2-Clause */
/* Credentials of tasks (credentials(7)): putting new ones in place, and who may look into whom. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct cred;
struct task;

/* Puts `now` (a private copy, taken over) in place of the current task's. */
void cred_install(struct cred *now);
/* The current task's, changed: fn works on a copy, and what it answers is the answer; the copy
 * counts if that is 0. -ENOMEM. */
MUST_CHECK long cred_change(long (*fn)(struct cred *now, unsigned long arg), unsigned long arg);
/* A user, but for root, with more tasks than the current process's RLIMIT_NPROC. */
bool task_has_too_many_peers(uint32_t uid);
/* ptrace(2) "Ptrace access mode checking", with real ids: may the current task look into t? */
bool task_may_access(struct task *t);
