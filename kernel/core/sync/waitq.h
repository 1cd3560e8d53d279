/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for something. A waker changes the state and then calls waitq_wake_*; a sleeper puts
 * itself on the queue, tests the state, and sleeps: no wake-up between test and sleep is lost.
 *
 *	err = wait_event(&q, cond, WAIT_INTERRUPTIBLE, deadline);
 *
 * gives 0 (cond held), -ERESTARTSYS (a signal is pending: thread_has_signal()), -ETIMEDOUT, or
 * -EAGAIN (interruptible, and the thread may not wait: thread->nowait).
 * `cond` is evaluated with no lock held, many times. Entries with a callback serve poll and epoll:
 * the callback runs under the queue's lock, interrupts off, with the key that the waker gave
 * (POLLIN...), and must not take this queue's lock. It says whether somebody was woken, which
 * counts for exclusive entries: of those with a callback one wake-up goes to the first that is of
 * use, but to all when the key is 0 (anything may have happened) or tells of an end.
 */
#pragma once
#include <linux/eventpoll.h>

#include "core/sync/spinlock.h"
#include "lib/list.h"

struct thread;

struct waitq {
	struct spinlock lock;
	struct list entries; /* [l] */
};

#define WAITQ_INIT(name) \
	{ \
		SPINLOCK_INIT, LIST_INIT((name).entries) \
	}

struct wait_entry {
	struct list link;      /* [q.lock] */
	struct thread *thread; /* woken when there is no callback */
	bool (*wake)(struct wait_entry *e, unsigned key);
	bool exclusive; /* one is enough */
};

/* Keys with one of these are everybody's. */
#define WAIT_KEY_END (EPOLLHUP | EPOLLERR | EPOLLRDHUP)

enum wait_flags { WAIT_UNINTERRUPTIBLE = 0, WAIT_INTERRUPTIBLE = 1, WAIT_KILLABLE = 2 };

void waitq_init(struct waitq *q);
void waitq_add(struct waitq *q, struct wait_entry *e);    /* at the end */
void waitq_remove(struct waitq *q, struct wait_entry *e); /* also when not on it */
void waitq_wake_all(struct waitq *q, unsigned key);
void waitq_wake_one(struct waitq *q, unsigned key); /* all non-exclusive ones and one exclusive */
void waitq_wake_one_locked(struct waitq *q, unsigned key); /* with q->lock */
bool waitq_wake_some(struct waitq *q, unsigned key);       /* as all; whether anybody was woken */
bool waitq_is_active(const struct waitq *q);               /* a hint, no lock */

/* The parts of wait_event. wait_sleep returns 0 after a wake-up (spurious ones too), or as
 * wait_event. */
void wait_begin(struct waitq *q, struct wait_entry *e); /* queue, state = sleeping */
int wait_sleep(enum wait_flags flags, nsec_t deadline);
void wait_end(struct waitq *q, struct wait_entry *e);

#define wait_event(q, cond, flags, deadline) \
	({ \
		struct wait_entry wait_entry_ = { .thread = NULL }; \
		struct waitq *wait_q_ = (q); \
		nsec_t wait_deadline_ = (deadline); \
		int wait_err_ = 0; \
		while (!(cond)) { \
			wait_begin(wait_q_, &wait_entry_); \
			if (cond) { \
				wait_end(wait_q_, &wait_entry_); \
				break; \
			} \
			wait_err_ = wait_sleep((flags), wait_deadline_); \
			wait_end(wait_q_, &wait_entry_); \
			if (wait_err_ != 0) { \
				if (cond) \
					wait_err_ = 0; \
				break; \
			} \
		} \
		wait_err_; \
	})
