/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX message queues (mq_overview(7)). A queue is a file of the file system "mqueue"
 * (mqueue_fs.c), whose one instance the system calls (mqueue.c) reach without a mount; a
 * descriptor is an open file of it.
 *
 * A queue keeps its messages in the order in which they are received. Who has to wait sleeps on
 * `readable` or `writable` and tries again. The lock is a mutex, innermost but for spinlocks; no
 * user memory is touched under it.
 */
#pragma once
#include <asm/siginfo.h>
#include <linux/mqueue.h>

#include "core/sync/mutex.h"
#include "core/sync/waitq.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/list.h"

struct process;

struct mq_message {
	struct list link; /* [queue.lock] */
	unsigned priority;
	size_t len;
	uint8_t text[];
};

struct mqueue {
	struct mutex lock;
	struct list messages;     /* [lock] by falling priority, oldest first */
	long nr, max_nr, max_len; /* nr [lock]; the others [I] */
	size_t nr_bytes;          /* [lock] of all messages */
	unsigned nr_receivers;    /* [lock] waiting */
	struct waitq readable, writable;
	struct process *notify; /* [lock] counted; NULL: nobody asked */
	sigevent_t event;       /* [lock] how `notify` is told */
	uint32_t owner;         /* [I] the user who is charged */
	uint64_t charge;        /* [I] bytes against RLIMIT_MSGQUEUE */
	struct list all_link;   /* [mqueue_fs.c's lock] */
};

extern const struct file_ops mqueue_fops;

/* The queue of an open file, or NULL. */
struct mqueue *mqueue_of(const struct file *f);
/* open(2) in the root of the one instance; attr (or NULL) is for a queue that this makes. */
MUST_CHECK int mqueue_open(const char *name, unsigned flags, uint32_t mode,
			   const struct mq_attr *attr, struct file **out);
MUST_CHECK int mqueue_unlink(const char *name);
/* Nobody is told any more. With the queue's lock held; the process is the caller's to put. */
struct process *mqueue_drop_notify(struct mqueue *q);
