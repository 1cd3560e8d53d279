/* SPDX-License-Identifier: BSD-2-Clause */
/* Time-outs of poll-like calls, and what epoll tells the rest. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

/* From a struct __kernel_timespec in user memory, relative; 0 = no time-out. -EFAULT, -EINVAL. */
MUST_CHECK int poll_deadline_user(uaddr_t timeout, nsec_t *deadline);

/* Set as vfs_watchers_release: the last reference to a watched file is gone. */
struct file;
void epoll_forget_file(struct file *f);
