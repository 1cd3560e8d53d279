/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a task's io_uring: before its memory, descriptors or credentials go. */
#pragma once

/* The current task ends, or executes another program: its requests are cancelled. Sleeps. */
void uring_task_exit(void);
