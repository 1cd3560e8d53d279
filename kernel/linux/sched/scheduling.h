/* SPDX-License-Identifier: BSD-2-Clause */
/* Scheduling as programs set it (sched(7)), for the other files of the family. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct task;

/* May the current task change t's scheduling (sched(7) "Privileges and resource limits")? */
bool sched_may_change(struct task *t);
bool sched_may_change_locked(const struct task *t); /* with task_lock held */
/* May t's nice value become this one? */
bool sched_may_nice(const struct task *t, int nice);
/* A new task gets what its maker has, unless that asked for SCHED_RESET_ON_FORK. */
void sched_inherit(struct task *t);
