/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Futexes inside (futex(2)): keys, buckets, waiters. futex_key.c keeps these, futex.c has the plain
 * operations, futex_waitv.c the wait for several words, futex_pi.c priority inheritance,
 * futex_robust.c what happens when a task ends.
 *
 * A word is named by a key: for private memory the address space's number and the address, for
 * shared memory the object and the offset in it. Waiters stand in the bucket of their key,
 * real-time ones first, by priority, then in order of arrival. A bucket's lock is a spinlock, and
 * user memory must not be touched under one; so a waiter queues itself first and reads the word
 * afterwards. A waker changes the word before it looks at the bucket: one of the two sees the
 * other. FUTEX_CMP_REQUEUE reads the word without the lock, and starts again when somebody has
 * queued since (nr_arrived): the queue that it works on is the one of the moment of the read.
 *
 * A waiter stands on its thread's kernel stack. It takes its bucket's lock once more before it
 * leaves, so a waker, who does everything under that lock, never touches one that is gone.
 */
#pragma once
#include "core/sync/spinlock.h"
#include "core/sync/waitq.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

struct inode;
struct pi_lock;
struct task;
struct vm_object;

struct futex_key {
	uint64_t space; /* vmspace->id, or the object's address */
	uint64_t place; /* address, or byte offset in the object */
	/* Shared memory, counted while the key is held; NULL: private. */
	struct vm_object *object;
	struct inode *inode; /* counted: what the object is part of, or NULL */
};

struct futex_bucket {
	struct spinlock lock;
	struct list waiters; /* [lock] struct futex_waiter */
	unsigned nr_arrived; /* [lock] ever */
};

struct futex_waiter {
	struct list link;            /* [bucket.lock] */
	struct futex_bucket *bucket; /* [bucket.lock] changes when it is requeued */
	struct futex_key key;        /* [bucket.lock] */
	struct waitq wq;
	uint32_t bitset;         /* [I] */
	int level;               /* [bucket.lock] thread_level() when it queued */
	bool queued;             /* [bucket.lock] false: woken, or not yet in */
	struct task *task;       /* [I] */
	struct wait_entry entry; /* [o] futex_waitv: its place on wq */

	/* futex_pi.c's */
	const struct futex_key *target; /* [I] the PI futex it may be moved to; NULL: none */
	bool is_pi;                     /* [bucket.lock] waits for a PI futex */
	struct pi_lock *lock;           /* [pi_mutex] which one */
	struct list pi_link;            /* [pi_mutex] lock->waiters */
	int pi_level;                   /* [pi_mutex] its place there */
	bool owns, owner_died;          /* [pi_mutex] it was handed the lock; by whom */
};

enum futex_access { FUTEX_READ, FUTEX_WRITE };

/* ---- futex_key.c ---- */
/* -EINVAL: not aligned; -EFAULT. */
MUST_CHECK int futex_key_get(uaddr_t addr, bool private, enum futex_access access,
			     struct futex_key *out);
void futex_key_hold(const struct futex_key *k); /* counts once more; any context */
void futex_key_put(struct futex_key *k);
bool futex_key_equal(const struct futex_key *a, const struct futex_key *b);
struct futex_bucket *futex_bucket_of(const struct futex_key *k);

void futex_waiter_init(struct futex_waiter *w, uint32_t bitset);
/* Takes the key over and queues. */
void futex_enqueue(struct futex_waiter *w, const struct futex_key *k);
/* Leaves the queue if still in it; true: it was woken (or handed the lock) before. Puts the key. */
bool futex_dequeue(struct futex_waiter *w);
/* With the bucket's lock held: off the queue, and its thread wakes. */
void futex_wake_waiter_locked(struct futex_waiter *w);
void futex_wake_waiter(struct futex_waiter *w); /* takes the lock itself */
/* With both buckets locked: w waits for k now. Its old key's count is the caller's to put. */
void futex_move_locked(struct futex_waiter *w, const struct futex_key *k, struct futex_bucket *to);
/* Locks two buckets, which may be one, in a fixed order. */
void futex_lock_pair(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_pair(struct futex_bucket *a, struct futex_bucket *b);
/* Puts `desired` in place of `expected`. -EAGAIN: it holds something else. -EFAULT. */
MUST_CHECK int futex_exchange(uaddr_t addr, uint32_t expected, uint32_t desired);

/* ---- futex.c ---- */
struct futex_requeue {
	uaddr_t from, to;
	bool private_from, private_to, compare;
	uint32_t expected;
	int nr_wake, nr_requeue;
};

/* ---- futex_pi.c ---- */
long futex_lock_pi(uaddr_t addr, bool private, nsec_t deadline, bool try_only);
long futex_unlock_pi(uaddr_t addr, bool private);
long futex_wait_requeue_pi(const struct futex_requeue *r, nsec_t deadline);
long futex_requeue_pi(const struct futex_requeue *r);
/* The current task ends: whoever waits for a PI futex of its gets it. */
void futex_pi_release(struct task *t);
