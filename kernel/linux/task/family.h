/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parents and children (wait(2), credentials(7)).
 *
 * A process that ends becomes a zombie until its parent waits for it, unless the parent said that
 * it will not (SIGCHLD ignored, SA_NOCLDWAIT). Children of a process that ends go to its nearest
 * ancestor that asked for them (PR_SET_CHILD_SUBREAPER). Otherwise they have no parent any more
 * and vanish when they end: PID 1 is the user's program, which did not ask for other programs'
 * children; getppid(2) says 1, as ever.
 *
 * Job control: a process group is orphaned when none of its members has a parent in another group
 * of the same session: nobody could continue it. PID 1's parent is the world outside, where the
 * user's shell is: its group counts as having one.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct process;
struct task;

/* ---- family.c: any context; task_lock must not be held ---- */

/* The last task of p has left it. Parent and children are told. True: nobody will wait for p, which
 * is out of the table now: the caller puts the table's count. */
MUST_CHECK bool family_process_ended(struct process *p);
/* Children that a task made go on without it: prctl(PR_SET_PDEATHSIG). `last` of its process. */
void family_task_ended(struct task *t, bool last);
/* Every task of p is parked / goes on again: the parent is told. */
void family_stopped(struct process *p);
void family_continued(struct process *p);
/* With task_lock held. */
bool family_group_is_orphaned(int pgrp, int session);
