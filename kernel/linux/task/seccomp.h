/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp(2): what a task may call. A task is free, strict (read, write, exit and sigreturn only)
 * or under a chain of BPF programs, newest first, which only grows: it is inherited by what the
 * task clones and kept over exec. Chains are shared: a program is counted by the tasks that begin
 * with it and by the next younger one.
 *
 * A task reads its own chain without a lock. Another task of the process may change it
 * (SECCOMP_FILTER_FLAG_TSYNC), under task_lock and to one that has the old chain at its end, so
 * that what the owner reads stays there.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct task;
struct trap_frame;
struct seccomp_filter;

/* Called before each call of a task that is not free. False: the call is not to be made, and f has
 * its result; or the task ends. */
bool seccomp_permits(struct trap_frame *f);
/* A new task, with task_lock held: it is as its maker is by now. */
void seccomp_inherit_locked(struct task *t);
/* Of a task that is freed. */
void seccomp_drop(struct seccomp_filter *newest);
unsigned seccomp_nr_filters(struct task *t);
/* prctl(2), PR_SET_SECCOMP. */
long seccomp_set_mode(unsigned long mode, uaddr_t program);
