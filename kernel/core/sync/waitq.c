/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wait queues. A sleeper announces itself (state SLEEPING, entry queued) before it tests its
 * condition for the last time; whoever changes the condition afterwards finds the entry and undoes
 * the state, so sched_sleep() returns at once instead of missing the wake-up.
 */
#include "core/sync/waitq.h"

#include "core/sched/thread.h"
#include "core/time/timer.h"
#include "lib/errno.h"

struct alarm_clock {
	struct timer timer;
	struct thread *thread;
};

void waitq_init(struct waitq *q)
{
	q->lock = (struct spinlock)SPINLOCK_INIT;
	list_init(&q->entries);
}

void waitq_add(struct waitq *q, struct wait_entry *e)
{
	scoped_spin(&q->lock);
	list_append(&q->entries, &e->link);
}

void waitq_remove(struct waitq *q, struct wait_entry *e)
{
	scoped_spin(&q->lock);
	if (e->link.next != NULL)
		list_remove(&e->link);
}

/* False: its thread did not sleep. It is on its way out of the queue, or will test its condition
 * again before it sleeps. */
static bool wake_entry(struct wait_entry *e, unsigned key)
{
	if (e->wake == NULL)
		return thread_wake(e->thread);
	return e->wake(e, key);
}

bool waitq_wake_some(struct waitq *q, unsigned key)
{
	bool all = key == 0 || (key & WAIT_KEY_END) != 0, some = false, one = false;
	struct wait_entry *e;

	scoped_spin(&q->lock);
	list_foreach_safe(&q->entries, e, link) {
		bool exclusive = e->exclusive && e->wake != NULL && !all;

		if (exclusive && one)
			continue;
		if (!wake_entry(e, key))
			continue;
		some = true;
		one |= exclusive;
	}
	return some;
}

void waitq_wake_all(struct waitq *q, unsigned key)
{
	(void)waitq_wake_some(q, key);
}

void waitq_wake_one_locked(struct waitq *q, unsigned key)
{
	struct wait_entry *e;

	list_foreach_safe(&q->entries, e, link) {
		bool exclusive = e->exclusive;

		if (wake_entry(e, key) && exclusive)
			break;
	}
}

void waitq_wake_one(struct waitq *q, unsigned key)
{
	scoped_spin(&q->lock);
	waitq_wake_one_locked(q, key);
}

bool waitq_is_active(const struct waitq *q)
{
	return READ_ONCE(q->entries.next) != &q->entries;
}

void wait_begin(struct waitq *q, struct wait_entry *e)
{
	e->thread = thread_current();
	waitq_add(q, e);
	sched_set_sleeping();
}

void wait_end(struct waitq *q, struct wait_entry *e)
{
	sched_clear_sleeping();
	waitq_remove(q, e);
}

static void alarm_rings(struct timer *t)
{
	thread_wake(container_of(t, struct alarm_clock, timer)->thread);
}

static bool is_interrupted(const struct thread *t, enum wait_flags flags)
{
	unsigned work = atomic_load(&t->work);

	if (flags == WAIT_INTERRUPTIBLE)
		return (work & (THREAD_WORK_SIGNAL | THREAD_WORK_KILLED)) != 0;
	return flags == WAIT_KILLABLE && (work & THREAD_WORK_KILLED) != 0;
}

/*
 * A little later than asked, so that who is awake is not disturbed for a deadline that is soon
 * passed anyway (prctl(2), PR_SET_TIMERSLACK). Real-time threads wake when they said.
 */
static nsec_t latest_end(const struct thread *self, nsec_t deadline)
{
	nsec_t slack = thread_level(self) > 0 ? 0 : self->slack_ns;

	return deadline < NSEC_NEVER - 1 - slack ? deadline + slack : NSEC_NEVER - 1;
}

static void sleep_as(struct thread *self, enum wait_flags flags)
{
	WRITE_ONCE(self->interruptible, flags == WAIT_INTERRUPTIBLE);
	sched_sleep();
	WRITE_ONCE(self->interruptible, false);
}

int wait_sleep(enum wait_flags flags, nsec_t deadline)
{
	struct thread *self = thread_current();
	struct alarm_clock clock = { .thread = self };

	if (self->nowait && flags == WAIT_INTERRUPTIBLE)
		return -EAGAIN;
	if (is_interrupted(self, flags))
		return -ERESTARTSYS;
	if (deadline == NSEC_NEVER) {
		sleep_as(self, flags);
	} else {
		if (deadline <= clock_monotonic())
			return -ETIMEDOUT;
		timer_init(&clock.timer, alarm_rings);
		timer_arm(&clock.timer, latest_end(self, deadline));
		sleep_as(self, flags);
		timer_cancel(&clock.timer);
		if (deadline <= clock_monotonic())
			return -ETIMEDOUT;
	}
	return is_interrupted(self, flags) ? -ERESTARTSYS : 0;
}
