/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Futexes inside (futex(2)): keys, buckets, waiters. futex.c has the plain operations, futex_pi.c
 * the priority-inheritance ones.
 *
 * A word is named by a key: for private memory the address space's number and the address, for
 * shared memory the object, page index and offset. Waiters stand in the bucket of their key. A
 * bucket's lock is a spinlock, and user memory must not be touched under one; so a waiter queues
 * itself first and reads the word afterwards. A waker changes the word before it looks at the
 * bucket: one of the two sees the other.
 *
 * A waiter stands on its thread's kernel stack. It takes its bucket's lock once more before it
 * leaves, so a waker, who does everything under that lock, never touches one that is gone.
 */
#pragma once
#include "core/spinlock.h"
#include "core/waitq.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

struct task;
struct vm_object;

struct futex_key {
	uint64_t space;           /* vmspace->id, or the object's address */
	uint64_t place;           /* address, or byte offset in the object */
	struct vm_object *object; /* counted while the key is held; NULL: private */
};

struct futex_bucket {
	struct spinlock lock;
	struct list waiters; /* [lock] struct futex_waiter, in order of arrival */
};

struct futex_waiter {
	struct list link;            /* [bucket.lock] */
	struct futex_bucket *bucket; /* [bucket.lock] changes when it is requeued */
	struct futex_key key;        /* [bucket.lock] */
	struct waitq wq;
	uint32_t bitset;         /* [I] */
	bool queued;             /* [bucket.lock] false: woken, or not yet in */
	bool wants_pi;           /* [I] FUTEX_WAIT_REQUEUE_PI */
	bool requeued;           /* [bucket.lock] now waits for a PI futex */
	bool owns;               /* [bucket.lock] the PI futex was handed to it */
	struct task *task;       /* [I] */
	struct wait_entry entry; /* [o] futex_waitv: its place on wq */
	uaddr_t pi_addr;         /* [pi_mutex] the PI futex that it waits for */
	struct task *owner;      /* [pi_mutex] who holds that; counted; NULL: none */
	struct list owner_link;  /* [pi_mutex] owner's pi_waiters */
};

enum futex_access { FUTEX_READ, FUTEX_WRITE };

MUST_CHECK int futex_key_get(uaddr_t addr, bool private, enum futex_access access,
			     struct futex_key *out);
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
/* Locks two buckets, which may be one, in a fixed order. */
void futex_lock_pair(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_pair(struct futex_bucket *a, struct futex_bucket *b);

/* ---- futex_pi.c ---- */
long futex_lock_pi(uaddr_t addr, bool private, nsec_t deadline, bool try_only);
long futex_unlock_pi(uaddr_t addr, bool private);
long futex_wait_requeue_pi(uaddr_t addr, bool private, uint32_t val, nsec_t deadline,
			   uaddr_t addr2);
struct futex_requeue {
	uaddr_t from, to;
	bool private, compare;
	uint32_t expected;
	int nr_wake, nr_requeue;
};
long futex_requeue_pi(const struct futex_requeue *r);
