/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex(2): waiting, waking, requeueing. futex_queue.h has the theory.
 */
#include <linux/futex.h>
#include <linux/time.h>

#include "core/sched/thread.h"
#include "lib/errno.h"
#include "linux/sys.h"
#include "linux/futex/futex_queue.h"
#include "linux/futex/futexes.h"
#include "linux/task/task.h"
#include "linux/time/clock.h"
#include "mm/user.h"

/* ---- waking ---- */

static long wake(const struct futex_key *k, unsigned nr, uint32_t bitset)
{
	struct futex_bucket *b = futex_bucket_of(k);
	struct futex_waiter *w;
	long woken = 0;

	futex_lock_pair(b, b);
	list_foreach_safe(&b->waiters, w, link) {
		if (!futex_key_equal(&w->key, k) || (w->bitset & bitset) == 0)
			continue;
		if (w->target != NULL || w->is_pi) {
			woken = -EINVAL;
			break;
		}
		futex_wake_waiter_locked(w);
		if (++woken >= (long)nr)
			break;
	}
	futex_unlock_pair(b, b);
	return woken;
}

static long futex_wake(uaddr_t addr, bool private, int nr, uint32_t bitset)
{
	struct futex_key k;
	long result = bitset == 0 ? -EINVAL : futex_key_get(addr, private, FUTEX_READ, &k);

	if (result != 0)
		return result;
	result = wake(&k, (unsigned)max(nr, 1), bitset);
	futex_key_put(&k);
	return result;
}

void futex_wake_address(uaddr_t addr, unsigned nr)
{
	struct futex_key k;

	if (futex_key_get(addr, false, FUTEX_READ, &k) != 0)
		return;
	(void)wake(&k, nr, FUTEX_BITSET_MATCH_ANY);
	futex_key_put(&k);
}

static int32_t sign_extend_12(uint32_t x)
{
	return (int32_t)(x << 20) >> 20;
}

static int wake_op_value(uint32_t encoded, uint32_t old, uint32_t *out)
{
	uint32_t arg = (uint32_t)sign_extend_12(encoded >> 12);

	if ((encoded >> 28 & FUTEX_OP_OPARG_SHIFT) != 0)
		arg = 1u << (arg & 31);
	switch (encoded >> 28 & 7) {
	case FUTEX_OP_SET:
		*out = arg;
		return 0;
	case FUTEX_OP_ADD:
		*out = old + arg;
		return 0;
	case FUTEX_OP_OR:
		*out = old | arg;
		return 0;
	case FUTEX_OP_ANDN:
		*out = old & ~arg;
		return 0;
	case FUTEX_OP_XOR:
		*out = old ^ arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

static int wake_op_compare(uint32_t encoded, uint32_t old, bool *out)
{
	int32_t arg = sign_extend_12(encoded), value = (int32_t)old;

	switch (encoded >> 24 & 15) {
	case FUTEX_OP_CMP_EQ:
		*out = value == arg;
		return 0;
	case FUTEX_OP_CMP_NE:
		*out = value != arg;
		return 0;
	case FUTEX_OP_CMP_LT:
		*out = value < arg;
		return 0;
	case FUTEX_OP_CMP_LE:
		*out = value <= arg;
		return 0;
	case FUTEX_OP_CMP_GT:
		*out = value > arg;
		return 0;
	case FUTEX_OP_CMP_GE:
		*out = value >= arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

/* The atomic change of FUTEX_WAKE_OP. *old is what was there. */
static int wake_op_apply(uaddr_t addr, uint32_t encoded, uint32_t *old)
{
	uint32_t expected, desired;
	int err;

	if (user_read_u32(&expected, addr) != 0)
		return -EFAULT;
	for (;;) {
		err = wake_op_value(encoded, expected, &desired);
		if (err != 0)
			return err;
		if (user_compare_exchange_u32(addr, expected, desired, old) != 0)
			return -EFAULT;
		if (*old == expected)
			return 0;
		expected = *old;
	}
}

static long futex_wake_op(const struct futex_requeue *r, uint32_t encoded)
{
	struct futex_key a, b;
	uint32_t old;
	bool also;
	long result = futex_key_get(r->from, r->private_from, FUTEX_READ, &a);

	if (result != 0)
		return result;
	result = futex_key_get(r->to, r->private_to, FUTEX_WRITE, &b);
	if (result != 0)
		goto put_a;
	result = wake_op_apply(r->to, encoded, &old);
	if (result == 0)
		result = wake_op_compare(encoded, old, &also);
	if (result == 0) {
		result = wake(&a, (unsigned)max(r->nr_wake, 1), FUTEX_BITSET_MATCH_ANY);
		if (result >= 0 && also)
			result += wake(&b, (unsigned)max(r->nr_requeue, 1), FUTEX_BITSET_MATCH_ANY);
	}
	futex_key_put(&b);
put_a:
	futex_key_put(&a);
	return result;
}

/* ---- requeueing ---- */

/* With both buckets locked. */
static long move_waiters(const struct futex_requeue *r, const struct futex_key *from,
			 const struct futex_key *to)
{
	struct futex_bucket *a = futex_bucket_of(from), *b = futex_bucket_of(to);
	int nr_woken = 0, nr_moved = 0;
	struct futex_waiter *w;

	list_foreach_safe(&a->waiters, w, link) {
		struct futex_key old = w->key;

		if (!futex_key_equal(&old, from))
			continue;
		if (w->target != NULL || w->is_pi)
			return -EINVAL;
		if (nr_woken < r->nr_wake) {
			futex_wake_waiter_locked(w);
			nr_woken++;
			continue;
		}
		if (nr_moved >= r->nr_requeue)
			break;
		nr_moved++;
		if (futex_key_equal(from, to))
			continue;
		futex_move_locked(w, to, b);
		futex_key_put(&old); /* not the last count: the caller's key has one */
	}
	return nr_woken + nr_moved;
}

/* Locks both buckets with the word as expected: nobody has queued since it was read. Starting again
 * ends: each time another thread has gone to sleep. */
static long lock_compared(const struct futex_requeue *r, struct futex_bucket *a,
			  struct futex_bucket *b)
{
	unsigned nr_arrived;
	uint32_t value;

	for (;;) {
		futex_lock_pair(a, b);
		nr_arrived = a->nr_arrived;
		futex_unlock_pair(a, b);
		if (r->compare && user_read_u32(&value, r->from) != 0)
			return -EFAULT;
		if (r->compare && value != r->expected)
			return -EAGAIN;
		futex_lock_pair(a, b);
		if (!r->compare || a->nr_arrived == nr_arrived)
			return 0;
		futex_unlock_pair(a, b);
	}
}

static long requeue(const struct futex_requeue *r, const struct futex_key *from,
		    const struct futex_key *to)
{
	struct futex_bucket *a = futex_bucket_of(from), *b = futex_bucket_of(to);
	long result = lock_compared(r, a, b);

	if (result != 0)
		return result;
	result = move_waiters(r, from, to);
	futex_unlock_pair(a, b);
	return result;
}

static long futex_requeue(const struct futex_requeue *r)
{
	struct futex_key from, to;
	long result;

	if (r->nr_wake < 0 || r->nr_requeue < 0)
		return -EINVAL;
	result = futex_key_get(r->from, r->private_from, FUTEX_READ, &from);
	if (result != 0)
		return result;
	result = futex_key_get(r->to, r->private_to, FUTEX_READ, &to);
	if (result == 0) {
		result = requeue(r, &from, &to);
		futex_key_put(&to);
	}
	futex_key_put(&from);
	return result;
}

/* ---- waiting ---- */

/* Queues, checks the word, sleeps. 0, -EAGAIN, -ETIMEDOUT, -EFAULT, -ERESTARTSYS. */
static long wait_once(uaddr_t addr, bool private, uint32_t val, uint32_t bitset, nsec_t deadline)
{
	struct futex_waiter w;
	struct futex_key k;
	uint32_t value;
	long err = futex_key_get(addr, private, FUTEX_READ, &k);

	if (err != 0)
		return err;
	futex_waiter_init(&w, bitset);
	futex_enqueue(&w, &k);
	if (user_read_u32(&value, addr) != 0)
		err = -EFAULT;
	else if (value != val)
		err = -EAGAIN;
	else
		err = wait_event(&w.wq, !READ_ONCE(w.queued), WAIT_INTERRUPTIBLE, deadline);
	return futex_dequeue(&w) ? 0 : err;
}

static long wait_again(struct restart *r)
{
	long err = wait_once(r->addr, (r->flags & FUTEX_PRIVATE_FLAG) != 0, r->val, r->mask,
			     r->deadline);

	return err == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : err;
}

static long futex_wait(uaddr_t addr, int op, uint32_t val, uint32_t bitset, nsec_t deadline)
{
	struct restart *r = &task_current()->restart;
	long err;

	if (bitset == 0)
		return -EINVAL;
	err = wait_once(addr, (op & FUTEX_PRIVATE_FLAG) != 0, val, bitset, deadline);
	if (err != -ERESTARTSYS || deadline == NSEC_NEVER)
		return err;
	*r = (struct restart){
		.fn = wait_again,
		.deadline = deadline,
		.addr = addr,
		.val = val,
		.mask = bitset,
		.flags = (unsigned)op,
	};
	return -ERESTART_RESTARTBLOCK;
}

/* The time-out's meaning depends on the operation: relative for WAIT, absolute for the others. */
static int read_deadline(uaddr_t timeout, int op, nsec_t *deadline)
{
	int cmd = op & FUTEX_CMD_MASK, err;
	bool realtime = (op & FUTEX_CLOCK_REALTIME) != 0 || cmd == FUTEX_LOCK_PI;

	*deadline = NSEC_NEVER;
	if (timeout == 0)
		return 0;
	if (cmd == FUTEX_WAIT)
		return clock_read_timeout(timeout, deadline);
	err = clock_read_timespec(timeout, deadline);
	if (err != 0)
		return err;
	return clock_to_deadline(realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, *deadline, deadline);
}

static bool takes_timeout(int cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI ||
	       cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_WAIT_REQUEUE_PI;
}

static bool allows_realtime(int cmd)
{
	return cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_WAIT_REQUEUE_PI || cmd == FUTEX_LOCK_PI2;
}

static long operate(const struct futex_requeue *r, int op, nsec_t deadline, uint32_t val3)
{
	uint32_t val = (uint32_t)r->nr_wake;

	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
		return futex_wait(r->from, op, val, FUTEX_BITSET_MATCH_ANY, deadline);
	case FUTEX_WAIT_BITSET:
		return futex_wait(r->from, op, val, val3, deadline);
	case FUTEX_WAKE:
		return futex_wake(r->from, r->private_from, r->nr_wake, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(r->from, r->private_from, r->nr_wake, val3);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(r);
	case FUTEX_WAKE_OP:
		return futex_wake_op(r, val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(r->from, r->private_from, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(r->from, r->private_from, NSEC_NEVER, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(r->from, r->private_from);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(r, deadline);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_requeue_pi(r);
	default:
		return -ENOSYS;
	}
}

long sys_futex(uaddr_t addr, int op, unsigned val, uaddr_t timeout, uaddr_t addr2, unsigned val3)
{
	int cmd = op & FUTEX_CMD_MASK;
	struct futex_requeue r = {
		.from = addr,
		.to = addr2,
		.private_from = (op & FUTEX_PRIVATE_FLAG) != 0,
		.private_to = (op & FUTEX_PRIVATE_FLAG) != 0,
		.compare = cmd == FUTEX_CMP_REQUEUE || cmd == FUTEX_CMP_REQUEUE_PI,
		.expected = cmd == FUTEX_WAIT_REQUEUE_PI ? val : val3,
		.nr_wake = (int)val,
		.nr_requeue = (int)timeout,
	};
	nsec_t deadline = NSEC_NEVER;
	int err;

	if ((op & FUTEX_CLOCK_REALTIME) != 0 && !allows_realtime(cmd))
		return -ENOSYS;
	if (takes_timeout(cmd)) {
		err = read_deadline(timeout, op, &deadline);
		if (err != 0)
			return err;
	}
	return operate(&r, op, deadline, val3);
}
