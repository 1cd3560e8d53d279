/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of processes: pidfd_open(2), clone(2) CLONE_PIDFD, waitid(2) P_PIDFD. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct process;

/* A file that stands for p, which it counts. `flags`: O_NONBLOCK or 0. The descriptor or
 * -errno. */
int pidfd_install(struct process *p, unsigned flags);
/* The same for the process of this id that was made at this time (struct process). -ESRCH: gone. */
int pidfd_of(int pid, uint64_t start_ns);
/* The process that descriptor fd stands for, counted. -EBADF: it is no pidfd. */
MUST_CHECK int pidfd_process(int fd, struct process **out, bool *nonblocking);
