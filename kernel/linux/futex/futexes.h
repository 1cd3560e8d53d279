/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the rest of linux/ needs of futexes (futex(2)).
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct task;

/* FUTEX_WAKE of a word of the current address space, private or shared. */
void futex_wake_address(uaddr_t addr, unsigned nr);
/* A task ends: its robust list, and the PI futexes that it still holds. In its own address
 * space. */
void futex_task_exit(struct task *t);
/* After that it goes on as another program. */
void futex_task_exec(struct task *t);
/* Its scheduling was changed: so may be its place among those who wait for a PI futex, and the
 * priority that the owner borrows. */
void futex_priority_changed(struct task *t);
