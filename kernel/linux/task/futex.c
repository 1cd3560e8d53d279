/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex(2): waiting, waking, requeueing, and futex_waitv(2). futex_queue.h has the theory.
 */
#include <linux/futex.h>

#include "core/thread.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "linux/time/clock.h"
#include "linux/task/futex_queue.h"
#include "linux/task/futexes.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/kmem.h"
#include "mm/object.h"
#include "mm/user.h"
#include "mm/vmspace.h"
#include <linux/time.h>

#define NR_BUCKETS 256

static struct futex_bucket buckets[NR_BUCKETS];

/* ---- keys and buckets ---- */

/* A shared mapping's key, with the area's object counted. False: the address is private after
 * all. */
static bool shared_key(struct vmspace *vs, uaddr_t addr, struct futex_key *out)
{
	scoped_mutex(&vs->lock);
	struct vm_area *a = vmspace_area_at(vs, addr);

	if (a == NULL || (a->flags & VM_SHARED) == 0 || a->object == NULL)
		return false;
	object_get(a->object);
	*out = (struct futex_key){
		.space = (uint64_t)(uintptr_t)a->object,
		.place = a->object_idx * PAGE_SIZE + (addr - a->start),
		.object = a->object,
	};
	return true;
}

int futex_key_get(uaddr_t addr, bool private, enum futex_access access, struct futex_key *out)
{
	struct vmspace *vs = vmspace_current();
	uint32_t value, old;

	if (!is_aligned(addr, 4))
		return -EINVAL;
	if (!user_range_ok(addr, 4))
		return -EFAULT;
	*out = (struct futex_key){ .space = vs->id, .place = addr };
	if (private)
		return 0;
	if (user_read_u32(&value, addr) != 0)
		return -EFAULT;
	if (access == FUTEX_WRITE && user_compare_exchange_u32(addr, value, value, &old) != 0)
		return -EFAULT;
	(void)shared_key(vs, addr, out);
	return 0;
}

void futex_key_put(struct futex_key *k)
{
	if (k->object != NULL)
		object_put(k->object);
	k->object = NULL;
}

bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->space == b->space && a->place == b->place;
}

struct futex_bucket *futex_bucket_of(const struct futex_key *k)
{
	return &buckets[hash_u64(k->space ^ hash_u64(k->place)) % NR_BUCKETS];
}

/* A zeroed bucket is empty; its list becomes one when it is first locked. */
static void lock_bucket(struct futex_bucket *b)
{
	spin_lock(&b->lock);
	if (b->waiters.next == NULL)
		list_init(&b->waiters);
}

void futex_lock_pair(struct futex_bucket *a, struct futex_bucket *b)
{
	lock_bucket(min(a, b));
	if (a != b)
		lock_bucket(max(a, b));
}

void futex_unlock_pair(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a != b)
		spin_unlock(&max(a, b)->lock);
	spin_unlock(&min(a, b)->lock);
}

/* ---- waiters ---- */

void futex_waiter_init(struct futex_waiter *w, uint32_t bitset)
{
	*w = (struct futex_waiter){ .bitset = bitset, .task = task_current() };
	waitq_init(&w->wq);
	list_init(&w->link);
	list_init(&w->owner_link);
}

void futex_enqueue(struct futex_waiter *w, const struct futex_key *k)
{
	struct futex_bucket *b = futex_bucket_of(k);

	lock_bucket(b);
	w->key = *k;
	w->bucket = b;
	w->queued = true;
	list_append(&b->waiters, &w->link);
	spin_unlock(&b->lock);
}

/* The waiter's bucket, locked; a requeue may change it while one waits for the lock. */
static struct futex_bucket *lock_waiter(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = READ_ONCE(w->bucket);

		lock_bucket(b);
		if (b == w->bucket)
			return b;
		spin_unlock(&b->lock);
	}
}

bool futex_dequeue(struct futex_waiter *w)
{
	struct futex_bucket *b = lock_waiter(w);
	bool woken = !w->queued;

	if (w->queued) {
		w->queued = false;
		list_remove(&w->link);
	}
	spin_unlock(&b->lock);
	futex_key_put(&w->key);
	return woken;
}

void futex_wake_waiter_locked(struct futex_waiter *w)
{
	list_remove(&w->link);
	w->queued = false;
	waitq_wake_all(&w->wq, 0);
}

/* ---- waking ---- */

static long wake(const struct futex_key *k, unsigned nr, uint32_t bitset)
{
	struct futex_bucket *b = futex_bucket_of(k);
	struct futex_waiter *w;
	long woken = 0;

	lock_bucket(b);
	list_foreach_safe(&b->waiters, w, link) {
		if (!futex_key_equal(&w->key, k) || (w->bitset & bitset) == 0)
			continue;
		if (w->wants_pi || w->requeued) {
			woken = -EINVAL;
			break;
		}
		futex_wake_waiter_locked(w);
		if (++woken >= (long)nr)
			break;
	}
	spin_unlock(&b->lock);
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
	long result = futex_key_get(r->from, r->private, FUTEX_READ, &a);

	if (result != 0)
		return result;
	result = futex_key_get(r->to, r->private, FUTEX_WRITE, &b);
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

/* Moves w to the bucket of `to`; both are locked. */
static void move(struct futex_waiter *w, const struct futex_key *to, struct futex_bucket *b)
{
	list_remove(&w->link);
	if (to->object != NULL)
		object_get(to->object);
	if (w->key.object != NULL)
		object_put(w->key.object); /* not the last: the caller's key holds one */
	w->key = *to;
	w->bucket = b;
	list_append(&b->waiters, &w->link);
}

static long requeue(const struct futex_requeue *r, const struct futex_key *from,
		    const struct futex_key *to)
{
	struct futex_bucket *a = futex_bucket_of(from), *b = futex_bucket_of(to);
	struct futex_waiter *w;
	int nr_woken = 0, nr_moved = 0;
	long result = 0;

	futex_lock_pair(a, b);
	list_foreach_safe(&a->waiters, w, link) {
		if (!futex_key_equal(&w->key, from))
			continue;
		if (w->wants_pi || w->requeued) {
			result = -EINVAL;
			break;
		}
		if (nr_woken < r->nr_wake) {
			futex_wake_waiter_locked(w);
			nr_woken++;
		} else if (nr_moved < r->nr_requeue) {
			if (!futex_key_equal(from, to))
				move(w, to, b);
			nr_moved++;
		} else {
			break;
		}
	}
	futex_unlock_pair(a, b);
	return result != 0 ? result : nr_woken + nr_moved;
}

static long futex_requeue(const struct futex_requeue *r)
{
	struct futex_key from, to;
	uint32_t value;
	long result;

	if (r->nr_wake < 0 || r->nr_requeue < 0)
		return -EINVAL;
	result = futex_key_get(r->from, r->private, FUTEX_READ, &from);
	if (result != 0)
		return result;
	result = futex_key_get(r->to, r->private, FUTEX_READ, &to);
	if (result != 0)
		goto put_from;
	if (r->compare && user_read_u32(&value, r->from) != 0)
		result = -EFAULT;
	else if (r->compare && value != r->expected)
		result = -EAGAIN;
	else
		result = requeue(r, &from, &to);
	futex_key_put(&to);
put_from:
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
	if (cmd == FUTEX_WAIT && !realtime)
		return clock_read_timeout(timeout, deadline);
	err = clock_read_timespec(timeout, deadline);
	if (err != 0 || cmd == FUTEX_WAIT)
		return err != 0 ? err : (*deadline = clock_add(clock_monotonic(), *deadline), 0);
	return clock_to_deadline(realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, *deadline, deadline);
}

static bool takes_timeout(int cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI ||
	       cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_WAIT_REQUEUE_PI;
}

static bool allows_realtime(int cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_WAIT_REQUEUE_PI ||
	       cmd == FUTEX_LOCK_PI2;
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
		return futex_wake(r->from, r->private, r->nr_wake, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(r->from, r->private, r->nr_wake, val3);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(r);
	case FUTEX_WAKE_OP:
		return futex_wake_op(r, val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(r->from, r->private, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(r->from, r->private, NSEC_NEVER, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(r->from, r->private);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(r->from, r->private, val, deadline, r->to);
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
		.private = (op & FUTEX_PRIVATE_FLAG) != 0,
		.compare = cmd == FUTEX_CMP_REQUEUE || cmd == FUTEX_CMP_REQUEUE_PI,
		.expected = val3,
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

/* ---- futex_waitv ---- */

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
