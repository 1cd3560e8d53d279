/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What futexes stand on: the keys that name words, the buckets, and waiters' way in and out of
 * them. futex_queue.h has the theory.
 */
#include <linux/futex.h>

#include "core/file.h"
#include "core/sched/thread.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "linux/futex/futex_queue.h"
#include "linux/task/task.h"
#include "mm/object/object.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define NR_BUCKETS 256

static struct futex_bucket buckets[NR_BUCKETS];

/* ---- keys ---- */

/* A shared mapping's key, with the area's object counted. False: the address is private after
 * all. */
static bool shared_key(struct vmspace *vs, uaddr_t addr, struct futex_key *out)
{
	scoped_mutex(&vs->lock);
	struct vm_area *a = vmspace_area_at(vs, addr);

	if (a == NULL || (a->flags & VM_SHARED) == 0 || a->object == NULL)
		return false;
	*out = (struct futex_key){
		.space = (uint64_t)(uintptr_t)a->object,
		.place = a->object_idx * PAGE_SIZE + (addr - a->start),
		.object = a->object,
		.inode = a->file == NULL ? NULL : a->file->inode,
	};
	futex_key_hold(out);
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

void futex_key_hold(const struct futex_key *k)
{
	if (k->object != NULL)
		object_get(k->object);
	if (k->inode != NULL)
		inode_get(k->inode);
}

void futex_key_put(struct futex_key *k)
{
	if (k->object != NULL)
		object_put(k->object);
	if (k->inode != NULL)
		inode_put(k->inode);
	k->object = NULL;
	k->inode = NULL;
}

bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->space == b->space && a->place == b->place;
}

/* ---- buckets ---- */

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
	list_init(&w->pi_link);
}

/* Behind all of its level and above; nearly always at the end. */
static void insert(struct futex_bucket *b, struct futex_waiter *w)
{
	struct list *at = b->waiters.prev;

	while (at != &b->waiters && list_entry(at, struct futex_waiter, link)->level < w->level)
		at = at->prev;
	list_prepend(at, &w->link); /* right behind `at` */
	b->nr_arrived++;
}

void futex_enqueue(struct futex_waiter *w, const struct futex_key *k)
{
	struct futex_bucket *b = futex_bucket_of(k);

	lock_bucket(b);
	w->key = *k;
	w->bucket = b;
	w->level = thread_level(thread_current());
	w->queued = true;
	insert(b, w);
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

void futex_wake_waiter(struct futex_waiter *w)
{
	struct futex_bucket *b = lock_waiter(w);

	futex_wake_waiter_locked(w);
	spin_unlock(&b->lock);
}

void futex_move_locked(struct futex_waiter *w, const struct futex_key *k, struct futex_bucket *to)
{
	list_remove(&w->link);
	futex_key_hold(k);
	w->key = *k;
	w->bucket = to;
	insert(to, w);
}

/* ---- words ---- */

int futex_exchange(uaddr_t addr, uint32_t expected, uint32_t desired)
{
	uint32_t old;

	if (user_compare_exchange_u32(addr, expected, desired, &old) != 0)
		return -EFAULT;
	return old == expected ? 0 : -EAGAIN;
}
