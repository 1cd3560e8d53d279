/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the files under /proc/<pid> find what they are about. Everything is found again by id, so
 * that a process that has ended meanwhile gives -ESRCH. A zombie has no task, no memory and no
 * files.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct fd_table;
struct process;
struct task;
struct vmspace;

/* The task that an id names, or of a process whose first task ended any other. Counted, or NULL. */
struct task *proc_task(int pid);
struct vmspace *proc_task_space(struct task *t); /* counted; NULL: it has none any more */
struct fd_table *proc_fd_table(int pid);         /* counted, or NULL */
/* The process that an id of a process or task means, counted, or NULL; zombies too. */
struct process *proc_process(int pid);
/* The address space of a process by id, counted. -ESRCH; _private: -EACCES for whoever may not look
 * into it (ptrace(2)). */
MUST_CHECK int proc_space_get(int pid, struct vmspace **out);
MUST_CHECK int proc_space_get_private(int pid, struct vmspace **out);
MUST_CHECK int proc_check_access(int pid); /* the same check: 0, -ESRCH, -EACCES */
