/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PI futexes and robust lists (futex(2), get_robust_list(2)).
 *
 * The word of a PI futex holds its owner's thread id, FUTEX_WAITERS once somebody waits in the
 * kernel, and FUTEX_OWNER_DIED. With FUTEX_WAITERS set the owner must come here to unlock, and the
 * lock is handed to the first waiter: by real-time priority, then by arrival. Everything that
 * reads the word and changes the queue happens under pi_mutex, which may be held across user
 * memory; sleeping happens without it.
 *
 * Owners are not boosted to their waiters' priority: only the order of the queue follows
 * priorities.
 */
#include <linux/futex.h>

#include "core/cred.h"
#include "core/mutex.h"
#include "lib/errno.h"
#include "linux/task/futex_queue.h"
#include "linux/task/futexes.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/object.h"
#include "mm/user.h"

static struct mutex pi_mutex = MUTEX_INIT(pi_mutex);

static uint32_t tid_current(void)
{
	return (uint32_t)task_current()->tid;
}

/* ---- owner and queue, with pi_mutex held ---- */

static void set_owner(struct futex_waiter *w, struct task *owner)
{
	if (w->owner != NULL) {
		list_remove(&w->owner_link);
		task_put(w->owner);
	}
	w->owner = owner;
	if (owner != NULL)
		list_append(&task_get(owner)->pi_waiters, &w->owner_link);
}

static int priority_of(const struct futex_waiter *w)
{
	const struct thread *t = w->task->thread;

	return t->policy == SCHED_POLICY_FIFO || t->policy == SCHED_POLICY_RR ? t->rt_priority + 1
									      : 0;
}

static bool waits_for_lock(const struct futex_waiter *w, const struct futex_key *k)
{
	return futex_key_equal(&w->key, k) && (!w->wants_pi || w->requeued);
}

/* Who gets the lock next, and how many wait for it. The bucket need not be locked: see pi_mutex. */
static struct futex_waiter *first_waiter(const struct futex_key *k, unsigned *nr)
{
	struct futex_bucket *b = futex_bucket_of(k);
	struct futex_waiter *w, *best = NULL;

	*nr = 0;
	futex_lock_pair(b, b);
	list_foreach(&b->waiters, w, link) {
		if (!waits_for_lock(w, k))
			continue;
		++*nr;
		if (best == NULL || priority_of(w) > priority_of(best))
			best = w;
	}
	futex_unlock_pair(b, b);
	return best;
}

/* The word now says that w owns it: w leaves the queue, and the rest waits for w. */
static void hand_over(struct futex_waiter *w, const struct futex_key *k)
{
	struct futex_bucket *b = futex_bucket_of(k);
	struct futex_waiter *other;

	set_owner(w, NULL);
	futex_lock_pair(b, b);
	w->owns = true;
	futex_wake_waiter_locked(w);
	list_foreach(&b->waiters, other, link) {
		if (waits_for_lock(other, k))
			set_owner(other, w->task);
	}
	futex_unlock_pair(b, b);
}

/* Replaces the word whatever it is meanwhile. */
static int store_word(uaddr_t addr, uint32_t desired)
{
	uint32_t expected, old;

	if (user_read_u32(&expected, addr) != 0)
		return -EFAULT;
	for (;;) {
		if (user_compare_exchange_u32(addr, expected, desired, &old) != 0)
			return -EFAULT;
		if (old == expected)
			return 0;
		expected = old;
	}
}

/* Gives the lock to the first waiter. False: nobody waits. */
static bool give_to_first(uaddr_t addr, const struct futex_key *k, uint32_t flags, int *err)
{
	unsigned nr;
	struct futex_waiter *w = first_waiter(k, &nr);

	if (w == NULL)
		return false;
	*err = store_word(addr, (uint32_t)w->task->tid | flags | (nr > 1 ? FUTEX_WAITERS : 0));
	if (*err == 0)
		hand_over(w, k);
	return true;
}

/* ---- locking ---- */

enum attempt { GOT_IT, MUST_WAIT };

/*
 * Tries to make `tid` the owner; else sets FUTEX_WAITERS and says who the owner is (counted).
 * -EDEADLK, -ESRCH, -EFAULT.
 */
static int acquire(uaddr_t addr, const struct futex_key *k, uint32_t tid, struct task **owner)
{
	uint32_t word, desired, old;
	unsigned nr_waiting;

	if (user_read_u32(&word, addr) != 0)
		return -EFAULT;
	for (;;) {
		if ((word & FUTEX_TID_MASK) == tid)
			return -EDEADLK;
		(void)first_waiter(k, &nr_waiting);
		desired = (word & FUTEX_TID_MASK) != 0
				  ? word | FUTEX_WAITERS
				  : tid | (word & FUTEX_OWNER_DIED) |
					    (nr_waiting != 0 ? FUTEX_WAITERS : 0);
		if (user_compare_exchange_u32(addr, word, desired, &old) != 0)
			return -EFAULT;
		if (old == word)
			break;
		word = old;
	}
	if ((word & FUTEX_TID_MASK) == 0)
		return GOT_IT;
	*owner = task_find((int)(word & FUTEX_TID_MASK));
	return *owner == NULL ? -ESRCH : MUST_WAIT;
}

/* The word without the side effect of asking to be woken. */
static long try_acquire(uaddr_t addr)
{
	uint32_t word, old, tid = tid_current();

	if (user_read_u32(&word, addr) != 0)
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) == tid)
		return -EDEADLK;
	if ((word & FUTEX_TID_MASK) != 0)
		return -EAGAIN;
	if (user_compare_exchange_u32(addr, word, tid | (word & ~FUTEX_TID_MASK), &old) != 0)
		return -EFAULT;
	return old == word ? 0 : -EAGAIN;
}

/* Sleeps until the lock is handed over. Called with pi_mutex held; returns so. */
static long sleep_for_lock(struct futex_waiter *w, nsec_t deadline)
{
	long err;

	mutex_unlock(&pi_mutex);
	err = wait_event(&w->wq, !READ_ONCE(w->queued), WAIT_INTERRUPTIBLE, deadline);
	mutex_lock(&pi_mutex);
	set_owner(w, NULL);
	(void)futex_dequeue(w);
	return w->owns ? 0 : err;
}

long futex_lock_pi(uaddr_t addr, bool private, nsec_t deadline, bool try_only)
{
	struct task *owner;
	struct futex_waiter w;
	struct futex_key k;
	long err = futex_key_get(addr, private, FUTEX_WRITE, &k);

	if (err != 0)
		return err;
	scoped_mutex(&pi_mutex);
	err = try_only ? try_acquire(addr) : acquire(addr, &k, tid_current(), &owner);
	if (err != MUST_WAIT) {
		futex_key_put(&k);
		return err;
	}
	futex_waiter_init(&w, FUTEX_BITSET_MATCH_ANY);
	w.requeued = true; /* FUTEX_WAKE is not for it */
	w.pi_addr = addr;
	set_owner(&w, owner);
	task_put(owner);
	futex_enqueue(&w, &k);
	err = sleep_for_lock(&w, deadline);
	return err == -ERESTARTSYS ? -ERESTARTNOINTR : err;
}

long futex_unlock_pi(uaddr_t addr, bool private)
{
	struct futex_key k;
	uint32_t word, old;
	int err;

	if (user_read_u32(&word, addr) != 0)
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) != tid_current())
		return -EPERM;
	err = futex_key_get(addr, private, FUTEX_WRITE, &k);
	if (err != 0)
		return err;
	scoped_mutex(&pi_mutex);
	if (!give_to_first(addr, &k, 0, &err)) {
		do {
			err = user_read_u32(&word, addr);
			if (err == 0)
				err = user_compare_exchange_u32(addr, word, 0, &old);
		} while (err == 0 && old != word);
	}
	futex_key_put(&k);
	return err;
}

/* ---- condition variables over PI mutexes ---- */

long futex_wait_requeue_pi(uaddr_t addr, bool private, uint32_t val, nsec_t deadline, uaddr_t addr2)
{
	struct futex_waiter w;
	struct futex_key k;
	uint32_t value;
	long err;

	if (addr == addr2)
		return -EINVAL;
	err = futex_key_get(addr, private, FUTEX_READ, &k);
	if (err != 0)
		return err;
	scoped_mutex(&pi_mutex);
	futex_waiter_init(&w, FUTEX_BITSET_MATCH_ANY);
	w.wants_pi = true;
	w.pi_addr = addr2;
	futex_enqueue(&w, &k);
	if (user_read_u32(&value, addr) != 0)
		err = -EFAULT;
	else if (value != val)
		err = -EAGAIN;
	if (err != 0) {
		(void)futex_dequeue(&w);
		return err;
	}
	err = sleep_for_lock(&w, deadline);
	if (err == -ERESTARTSYS)
		err = w.requeued ? -EAGAIN : -ERESTARTNOINTR;
	return err;
}

static void move_waiter(struct futex_waiter *w, const struct futex_key *to)
{
	struct futex_bucket *a = futex_bucket_of(&w->key), *b = futex_bucket_of(to);
	struct futex_key old = w->key;

	futex_lock_pair(a, b);
	list_remove(&w->link);
	w->key = *to;
	if (to->object != NULL)
		object_get(to->object);
	w->bucket = b;
	w->requeued = true;
	list_append(&b->waiters, &w->link);
	futex_unlock_pair(a, b);
	futex_key_put(&old);
}

static struct futex_waiter *first_to_requeue(const struct futex_key *from)
{
	struct futex_bucket *b = futex_bucket_of(from);
	struct futex_waiter *w, *best = NULL;

	futex_lock_pair(b, b);
	list_foreach(&b->waiters, w, link) {
		if (!futex_key_equal(&w->key, from) || !w->wants_pi || w->requeued)
			continue;
		if (best == NULL || priority_of(w) > priority_of(best))
			best = w;
	}
	futex_unlock_pair(b, b);
	return best;
}

/* One waiter takes the lock, or waits for it. 0 or -errno. */
static int requeue_one(struct futex_waiter *w, const struct futex_requeue *r,
		       const struct futex_key *to)
{
	struct task *owner = NULL;
	int err = acquire(r->to, to, (uint32_t)w->task->tid, &owner);

	if (err < 0)
		return err;
	if (err == GOT_IT) {
		hand_over(w, &w->key);
		return 0;
	}
	move_waiter(w, to);
	set_owner(w, owner);
	task_put(owner);
	return 0;
}

static long requeue_all(const struct futex_requeue *r, const struct futex_key *from,
			const struct futex_key *to)
{
	long done = 0, most = (long)r->nr_wake + r->nr_requeue;
	struct futex_waiter *w;
	uint32_t value;
	int err;

	if (user_read_u32(&value, r->from) != 0)
		return -EFAULT;
	if (value != r->expected)
		return -EAGAIN;
	while (done < most && (w = first_to_requeue(from)) != NULL) {
		if (w->pi_addr != r->to)
			return -EINVAL;
		err = requeue_one(w, r, to);
		if (err != 0)
			return done != 0 ? done : err;
		done++;
	}
	return done;
}

long futex_requeue_pi(const struct futex_requeue *r)
{
	struct futex_key from, to;
	long result;

	if (r->nr_wake != 1 || r->nr_requeue < 0 || r->from == r->to)
		return -EINVAL;
	result = futex_key_get(r->from, r->private, FUTEX_READ, &from);
	if (result != 0)
		return result;
	result = futex_key_get(r->to, r->private, FUTEX_WRITE, &to);
	if (result == 0) {
		scoped_mutex(&pi_mutex);
		result = requeue_all(r, &from, &to);
		futex_key_put(&to);
	}
	futex_key_put(&from);
	return result;
}

/* ---- the end of a task ---- */

/* One word that the dead task may hold. */
static int release_word(uaddr_t addr, bool pi, bool pending)
{
	uint32_t word, desired, old;

	if (!is_aligned(addr, 4) || user_read_u32(&word, addr) != 0)
		return -EFAULT;
	for (;;) {
		if (pending && !pi && word == 0) {
			futex_wake_address(addr, 1);
			return 0;
		}
		if ((word & FUTEX_TID_MASK) != tid_current())
			return 0;
		desired = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		if (user_compare_exchange_u32(addr, word, desired, &old) != 0)
			return -EFAULT;
		if (old == word)
			break;
		word = old;
	}
	if (!pi && (word & FUTEX_WAITERS) != 0)
		futex_wake_address(addr, 1);
	return 0;
}

/* A list entry's low bit says that its futex is a PI one. */
static void walk_robust_list(uaddr_t head)
{
	struct robust_list_head h;
	uint64_t entry, next;

	if (user_read_struct(&h, head) != 0)
		return;
	entry = (uint64_t)(uintptr_t)h.list.next;
	for (int i = 0; i < ROBUST_LIST_LIMIT && (entry & ~1ull) != head; i++) {
		int err = user_read_struct(&next, entry & ~1ull);

		if (entry != (uint64_t)(uintptr_t)h.list_op_pending &&
		    release_word((entry & ~1ull) + (uint64_t)h.futex_offset, entry & 1, false) != 0)
			return;
		if (err != 0)
			return;
		entry = next;
	}
	entry = (uint64_t)(uintptr_t)h.list_op_pending;
	if ((entry & ~1ull) != 0)
		(void)!release_word((entry & ~1ull) + (uint64_t)h.futex_offset, entry & 1, true);
}

static void release_pi_locks(struct task *t)
{
	struct futex_waiter *w;

	scoped_mutex(&pi_mutex);
	while ((w = list_first(&t->pi_waiters, struct futex_waiter, owner_link)) != NULL) {
		struct futex_key k = w->key;
		int err = 0;

		/* Lost the word or the queue: nothing can be handed over; they wait for nobody
		 * now. */
		if (!give_to_first(w->pi_addr, &k, FUTEX_OWNER_DIED, &err) || err != 0)
			set_owner(w, NULL);
	}
}

void futex_task_exit(struct task *t)
{
	if (t->robust_list != 0)
		walk_robust_list(t->robust_list);
	t->robust_list = 0;
	if (!list_is_empty(&t->pi_waiters))
		release_pi_locks(t);
}

long sys_set_robust_list(uaddr_t head, size_t len)
{
	if (len != sizeof(struct robust_list_head))
		return -EINVAL;
	task_current()->robust_list = head;
	return 0;
}

long sys_get_robust_list(int pid, uaddr_t head, uaddr_t len)
{
	struct task *t = pid == 0 ? task_get(task_current()) : task_find(pid);
	size_t size = sizeof(struct robust_list_head);
	uaddr_t list;

	if (t == NULL)
		return -ESRCH;
	list = t->robust_list;
	task_put(t);
	if (user_write_struct(len, &size) != 0)
		return -EFAULT;
	return user_write_struct(head, &list);
}
