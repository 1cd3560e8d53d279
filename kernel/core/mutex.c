/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutexes: an owner word, and a wait queue for those who find it taken. */
#include "core/mutex.h"

#include "arch/percpu.h"
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/types.h"

void mutex_init(struct mutex *m)
{
	m->owner = NULL;
	waitq_init(&m->wq);
}

bool mutex_try_lock(struct mutex *m)
{
	struct thread *nobody = NULL;

	return atomic_compare_exchange(&m->owner, &nobody, thread_current());
}

void mutex_lock(struct mutex *m)
{
	struct wait_entry e = { .exclusive = true };

	assert(!mutex_is_mine(m));
	while (!mutex_try_lock(m)) {
		bool got;

		wait_begin(&m->wq, &e);
		got = mutex_try_lock(m);
		if (!got)
			wait_sleep(WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
		wait_end(&m->wq, &e);
		if (got)
			return;
	}
}

void mutex_unlock(struct mutex *m)
{
	assert(mutex_is_mine(m));
	atomic_store(&m->owner, NULL);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the store before the look at the queue */
	if (unlikely(waitq_is_active(&m->wq)))
		waitq_wake_one(&m->wq, 0);
}

bool mutex_is_mine(const struct mutex *m)
{
	return READ_ONCE(m->owner) == thread_current();
}
