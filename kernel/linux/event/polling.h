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
/* epoll may not look at this queue any more: its owner goes before the files that were watched by
 * way of it (signalfd(2): the queue is the process's). Thread context. */
struct waitq;
void epoll_forget_queue(struct waitq *q);
/* kcmp(2): the offset-th file that `ep` watches as descriptor fd, only to be compared. -EINVAL: no
 * epoll instance; -ENOENT. */
MUST_CHECK int epoll_target(struct file *ep, int fd, unsigned offset, const void **out);
bool file_is_eventfd(const struct file *f);
/* The real-time clock was set: timers on it move or are cancelled (timerfd_create(2)). */
void timerfd_clock_was_set(void);
