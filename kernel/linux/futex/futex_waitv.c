/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex_waitv(2): one thread waits for up to 128 words. It stands in the bucket of each, and the
 * first that is woken says which it was.
 */
#include <linux/futex.h>
#include <linux/time.h>

#include "core/sched/thread.h"
#include "lib/errno.h"
#include "linux/sys.h"
#include "linux/futex/futex_queue.h"
#include "linux/task/task.h"
#include "linux/time/clock.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

static long check_waitv(const struct futex_waitv *v)
{
	if ((v->flags & ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_32)) != 0 || v->__reserved != 0 ||
	    (v->flags & FUTEX_32) == 0 || v->val > UINT32_MAX)
		return -EINVAL;
	return 0;
}

/* Queues all; *nr is how many are. 0, or why it cannot wait. */
static long enqueue_all(const struct futex_waitv *v, struct futex_waiter *w, unsigned *nr,
			unsigned all)
{
	struct futex_key k;
	uint32_t value;
	long err;

	for (*nr = 0; *nr < all; (*nr)++) {
		const struct futex_waitv *one = &v[*nr];

		err = futex_key_get(one->uaddr, (one->flags & FUTEX_PRIVATE_FLAG) != 0, FUTEX_READ,
				    &k);
		if (err != 0)
			return err;
		futex_waiter_init(&w[*nr], FUTEX_BITSET_MATCH_ANY);
		futex_enqueue(&w[*nr], &k);
	}
	for (unsigned i = 0; i < all; i++) {
		if (user_read_u32(&value, v[i].uaddr) != 0)
			return -EFAULT;
		if (value != (uint32_t)v[i].val)
			return -EAGAIN;
	}
	return 0;
}

static bool any_woken(const struct futex_waiter *w, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (!READ_ONCE(w[i].queued))
			return true;
	}
	return false;
}

/* One thread sleeps on many queues: each gets an entry of its own. */
static long sleep_on_all(struct futex_waiter *w, unsigned nr, nsec_t deadline)
{
	struct waitq own = WAITQ_INIT(own);
	long err;

	for (unsigned i = 0; i < nr; i++) {
		w[i].entry = (struct wait_entry){ .thread = thread_current() };
		waitq_add(&w[i].wq, &w[i].entry);
	}
	err = wait_event(&own, any_woken(w, nr), WAIT_INTERRUPTIBLE, deadline);
	for (unsigned i = 0; i < nr; i++)
		waitq_remove(&w[i].wq, &w[i].entry);
	return err;
}

static long wait_all(const struct futex_waitv *v, unsigned nr, nsec_t deadline)
{
	struct futex_waiter *w = kmem_new_array(struct futex_waiter, nr);
	unsigned nr_queued, i;
	long err, woken = -1;

	if (w == NULL)
		return -ENOMEM;
	err = enqueue_all(v, w, &nr_queued, nr);
	if (err == 0)
		err = sleep_on_all(w, nr, deadline);
	for (i = 0; i < nr_queued; i++) {
		if (futex_dequeue(&w[i]))
			woken = i;
	}
	kmem_free(w);
	return woken >= 0 ? woken : err;
}

long sys_futex_waitv(uaddr_t waiters, unsigned nr, unsigned flags, uaddr_t timeout, int clock)
{
	struct futex_waitv *v;
	nsec_t deadline = NSEC_NEVER;
	long err = 0;

	if (flags != 0 || nr == 0 || nr > FUTEX_WAITV_MAX || waiters == 0)
		return -EINVAL;
	if (timeout != 0) {
		if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
			return -EINVAL;
		err = clock_read_timespec(timeout, &deadline);
		if (err == 0)
			err = clock_to_deadline(clock, deadline, &deadline);
		if (err != 0)
			return err;
	}
	v = kmem_new_array(struct futex_waitv, nr);
	if (v == NULL)
		return -ENOMEM;
	if (user_read(v, waiters, nr * sizeof(*v)) != 0)
		err = -EFAULT;
	for (unsigned i = 0; i < nr && err == 0; i++)
		err = check_waitv(&v[i]);
	if (err == 0)
		err = wait_all(v, nr, deadline);
	kmem_free(v);
	return err;
}
