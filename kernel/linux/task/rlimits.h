/* SPDX-License-Identifier: BSD-2-Clause */
/* RLIMIT_CPU and RLIMIT_RTTIME (getrlimit(2)): a timer of the process watches them. */
#pragma once

struct process;

void cpu_limit_init(struct process *p);
/* Its limits or their holder changed: they are looked at soon. Any context but under p->lock. */
void cpu_limit_check(struct process *p);
/* The last task has left p. */
void cpu_limit_stop(struct process *p);
