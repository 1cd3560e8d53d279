/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PI futexes (futex(2) "Priority-inheritance futexes").
 *
 * The word of a PI futex holds its owner's thread id, FUTEX_WAITERS once somebody waits in the
 * kernel, and FUTEX_OWNER_DIED. With FUTEX_WAITERS set the owner must come here to unlock, and the
 * lock is handed to the first waiter: by real-time priority, then by arrival.
 *
 * While anybody waits there is a struct pi_lock, which is right about the owner whatever the word
 * says. The word follows: whoever unlocks writes the next owner's id. An owner that ends cannot,
 * for the word may not be in its memory; then the next owner writes its own id when it wakes
 * (`unclaimed`). A lock goes when the last of its users, who are those that wait or have just been
 * handed it, is done with it.
 *
 * An owner runs at least at the level of the best of those who wait for it, and of those who wait
 * for these: a change is carried along the chain (adjust_chain). Chains have no circles, as a wait
 * that would close one is refused (EDEADLK).
 *
 * All this happens under pi_mutex, which may be held across user memory; sleeping happens without
 * it. A task that ends is marked under it (pi_gone), so that nobody waits for it any more.
 */
#include <linux/futex.h>

#include "core/panic.h"
#include "core/sched/thread.h"
#include "core/sync/mutex.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "linux/futex/futex_queue.h"
#include "linux/futex/futexes.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define NR_CHAINS 64
#define DEPTH_MAX 1024 /* as Linux: longer chains are taken for a deadlock */

struct pi_lock {
	struct list link;       /* [pi_mutex] table */
	struct futex_key key;   /* [I] its users' keys hold the counts */
	struct task *owner;     /* [pi_mutex] counted */
	struct list owner_link; /* [pi_mutex] owner->pi_locks */
	struct list waiters;    /* [pi_mutex] struct futex_waiter by pi_link, best first */
	unsigned nr_users;      /* [pi_mutex] */
	bool unclaimed;         /* [pi_mutex] the word does not name the owner yet */
};

static struct mutex pi_mutex = MUTEX_INIT(pi_mutex);
static struct list table[NR_CHAINS]; /* [pi_mutex] struct pi_lock */

/* ---- locks, with pi_mutex held ---- */

static struct list *chain_of(const struct futex_key *k)
{
	struct list *l = &table[hash_u64(k->space ^ hash_u64(k->place)) % NR_CHAINS];

	if (l->next == NULL)
		list_init(l);
	return l;
}

static struct pi_lock *find_lock(const struct futex_key *k)
{
	struct pi_lock *l;

	list_foreach(chain_of(k), l, link) {
		if (futex_key_equal(&l->key, k))
			return l;
	}
	return NULL;
}

static struct futex_waiter *first_waiter(const struct pi_lock *l)
{
	return list_first(&l->waiters, struct futex_waiter, pi_link);
}

static void set_owner(struct pi_lock *l, struct task *owner)
{
	struct task *was = l->owner;

	list_remove(&l->owner_link);
	l->owner = task_get(owner);
	list_append(&owner->pi_locks, &l->owner_link);
	if (was != NULL)
		task_put(was);
}

static struct pi_lock *new_lock(const struct futex_key *k, struct task *owner)
{
	struct pi_lock *l = kmem_new(struct pi_lock);

	if (l == NULL)
		return NULL;
	l->key = *k;
	list_init(&l->waiters);
	list_init(&l->owner_link);
	list_append(chain_of(k), &l->link);
	set_owner(l, owner);
	return l;
}

static void drop_unused(struct pi_lock *l)
{
	if (l->nr_users != 0)
		return;
	list_remove(&l->link);
	list_remove(&l->owner_link);
	task_put(l->owner);
	kmem_free(l);
}

/* ---- priorities, with pi_mutex held ---- */

/* Behind all of its level and above. */
static void place_waiter(struct futex_waiter *w)
{
	struct list *head = &w->lock->waiters, *at = head->prev;

	w->pi_level = thread_level(w->task->thread);
	while (at != head && list_entry(at, struct futex_waiter, pi_link)->pi_level < w->pi_level)
		at = at->prev;
	list_prepend(at, &w->pi_link); /* right behind `at` */
}

static int borrowed_level(const struct task *t)
{
	struct pi_lock *l;
	int level = 0;

	list_foreach(&t->pi_locks, l, owner_link) {
		const struct futex_waiter *w = first_waiter(l);

		if (w != NULL)
			level = max(level, w->pi_level);
	}
	return level;
}

/* t's own level, or who waits for it, has changed. */
static void adjust_chain(struct task *t)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		struct futex_waiter *w = t->pi_waits;

		thread_boost(t->thread, borrowed_level(t));
		if (w == NULL || w->pi_level == thread_level(t->thread))
			return;
		list_remove(&w->pi_link);
		place_waiter(w);
		t = w->lock->owner;
	}
}

/* Does `owner` wait for `t`, itself or through others? */
static bool closes_circle(struct task *owner, const struct task *t)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		if (owner == t)
			return true;
		if (owner->pi_waits == NULL)
			return false;
		owner = owner->pi_waits->lock->owner;
	}
	return true;
}

/* ---- waiting and handing over, with pi_mutex held ---- */

/* w, which is in its bucket or about to be, waits for l. -EDEADLK. */
static int start_waiting(struct futex_waiter *w, struct pi_lock *l)
{
	if (closes_circle(l->owner, w->task)) {
		drop_unused(l);
		return -EDEADLK;
	}
	w->lock = l;
	l->nr_users++;
	place_waiter(w);
	w->task->pi_waits = w;
	adjust_chain(l->owner);
	return 0;
}

/* w is awake: it has what it waited for, or has given up. */
static void stop_waiting(struct futex_waiter *w)
{
	struct pi_lock *l = w->lock;

	if (l == NULL)
		return;
	if (!w->owns) {
		list_remove(&w->pi_link);
		w->task->pi_waits = NULL;
		adjust_chain(l->owner);
	}
	w->lock = NULL;
	l->nr_users--;
	drop_unused(l);
}

static void hand_over(struct pi_lock *l, struct futex_waiter *w)
{
	struct task *was = task_get(l->owner);

	list_remove(&w->pi_link);
	w->task->pi_waits = NULL;
	w->owns = true;
	set_owner(l, w->task);
	adjust_chain(w->task);
	futex_wake_waiter(w);
	adjust_chain(was);
	task_put(was);
}

/* The first waiter owns l now, and will say so in the word itself. */
static void hand_over_unclaimed(struct pi_lock *l)
{
	struct futex_waiter *w = first_waiter(l);

	if (w == NULL)
		return;
	l->unclaimed = true;
	w->owner_died = true;
	hand_over(l, w);
}

/* The new owner of a lock whose owner died: the word names it. -EFAULT: the word is gone, and the
 * lock goes on to the next, who may see it elsewhere. */
static int claim(struct futex_waiter *w, uaddr_t addr)
{
	uint32_t word, mine = (uint32_t)w->task->tid | FUTEX_WAITERS | FUTEX_OWNER_DIED;
	int err;

	w->lock->unclaimed = false;
	do {
		err = user_read_u32(&word, addr);
		if (err == 0)
			err = futex_exchange(addr, word, mine);
	} while (err == -EAGAIN);
	if (err != 0)
		hand_over_unclaimed(w->lock);
	return err;
}

/* ---- acquiring, with pi_mutex held ---- */

enum attempt { GOT_IT, MUST_WAIT };

struct claim {
	uaddr_t addr;
	struct futex_key key;
	struct task *task;  /* who wants it */
	bool leaves_others; /* there are more waiters: FUTEX_WAITERS is set at once */
};

/* There is a lock: does the word agree? */
static int check_word(const struct pi_lock *l, uint32_t word)
{
	return l->unclaimed || (word & FUTEX_TID_MASK) == (uint32_t)l->owner->tid ? MUST_WAIT
										  : -EINVAL;
}

/* The word, now `word`, names an owner that nobody has waited for yet. -ESRCH: there is no such
 * task; -EAGAIN: it ended just now, and the word has changed. */
static int adopt_owner(const struct claim *c, uint32_t word, struct pi_lock **out)
{
	struct task *owner = task_find((int)(word & FUTEX_TID_MASK));
	uint32_t again;

	if (owner == NULL || owner->pi_gone) {
		if (owner != NULL)
			task_put(owner);
		if (user_read_u32(&again, c->addr) != 0)
			return -EFAULT;
		return again == word ? -ESRCH : -EAGAIN;
	}
	*out = new_lock(&c->key, owner);
	task_put(owner);
	return *out == NULL ? -ENOMEM : MUST_WAIT;
}

static int attempt(const struct claim *c, struct pi_lock **out)
{
	uint32_t word, desired, tid = (uint32_t)c->task->tid;
	int err;

	if (user_read_u32(&word, c->addr) != 0)
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) == tid)
		return -EDEADLK;
	*out = find_lock(&c->key);
	if (*out != NULL)
		return check_word(*out, word);
	desired = (word & FUTEX_TID_MASK) != 0 ? word | FUTEX_WAITERS
					       : tid | (word & FUTEX_OWNER_DIED) |
							 (c->leaves_others ? FUTEX_WAITERS : 0);
	err = futex_exchange(c->addr, word, desired);
	if (err != 0 || (word & FUTEX_TID_MASK) == 0)
		return err;
	return adopt_owner(c, desired, out);
}

/* GOT_IT, or MUST_WAIT and for what; else -errno. */
static int acquire(const struct claim *c, struct pi_lock **out)
{
	int result;

	do
		result = attempt(c, out);
	while (result == -EAGAIN && !thread_has_signal(thread_current()));
	return result == -EAGAIN ? -ERESTARTNOINTR : result;
}

/* ---- locking ---- */

/* Sleeps until the lock is handed over. Called with pi_mutex held; returns so. */
static long sleep_for_lock(struct futex_waiter *w, uaddr_t addr, nsec_t deadline)
{
	long err;

	mutex_unlock(&pi_mutex);
	err = wait_event(&w->wq, !READ_ONCE(w->queued), WAIT_INTERRUPTIBLE, deadline);
	mutex_lock(&pi_mutex);
	if (w->owns)
		err = w->owner_died ? claim(w, addr) : 0;
	stop_waiting(w);
	(void)futex_dequeue(w);
	return err;
}

static long wait_for_lock(const struct claim *c, struct pi_lock *l, nsec_t deadline)
{
	struct futex_waiter w;
	long err;

	futex_waiter_init(&w, FUTEX_BITSET_MATCH_ANY);
	w.is_pi = true;
	err = start_waiting(&w, l);
	if (err != 0)
		return err;
	futex_key_hold(&c->key);
	futex_enqueue(&w, &c->key);
	err = sleep_for_lock(&w, c->addr, deadline);
	return err == -ERESTARTSYS ? -ERESTARTNOINTR : err;
}

long futex_lock_pi(uaddr_t addr, bool private, nsec_t deadline, bool try_only)
{
	struct claim c = { .addr = addr, .task = task_current() };
	struct pi_lock *l;
	long err = futex_key_get(addr, private, FUTEX_WRITE, &c.key);

	if (err != 0)
		return err;
	mutex_lock(&pi_mutex);
	err = acquire(&c, &l);
	if (err == MUST_WAIT && try_only) {
		drop_unused(l);
		err = -EAGAIN;
	} else if (err == MUST_WAIT) {
		err = wait_for_lock(&c, l, deadline);
	}
	mutex_unlock(&pi_mutex);
	futex_key_put(&c.key);
	return err;
}

/* With pi_mutex held. */
static long unlock(uaddr_t addr, const struct futex_key *k)
{
	uint32_t word, tid = (uint32_t)task_current()->tid;
	struct pi_lock *l = find_lock(k);
	struct futex_waiter *w = l == NULL ? NULL : first_waiter(l);
	int err;

	if (l != NULL && l->owner != task_current())
		return -EINVAL;
	do {
		if (user_read_u32(&word, addr) != 0)
			return -EFAULT;
		if ((word & FUTEX_TID_MASK) != tid)
			return -EPERM;
		err = futex_exchange(addr, word,
				     w == NULL ? 0 : (uint32_t)w->task->tid | FUTEX_WAITERS);
	} while (err == -EAGAIN);
	if (err == 0 && w != NULL)
		hand_over(l, w);
	return err;
}

long futex_unlock_pi(uaddr_t addr, bool private)
{
	struct futex_key k;
	uint32_t word;
	long err;

	if (user_read_u32(&word, addr) != 0)
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) != (uint32_t)task_current()->tid)
		return -EPERM;
	err = futex_key_get(addr, private, FUTEX_WRITE, &k);
	if (err != 0)
		return err;
	mutex_lock(&pi_mutex);
	err = unlock(addr, &k);
	mutex_unlock(&pi_mutex);
	futex_key_put(&k);
	return err;
}

/* ---- condition variables over PI mutexes ---- */

/* With pi_mutex held. w is in the bucket of r->from. */
static long wait_for_requeue(struct futex_waiter *w, const struct futex_requeue *r, nsec_t deadline)
{
	uint32_t value;
	long err = 0;

	if (user_read_u32(&value, r->from) != 0)
		err = -EFAULT;
	else if (value != r->expected)
		err = -EAGAIN;
	if (err != 0) {
		(void)futex_dequeue(w);
		return err;
	}
	err = sleep_for_lock(w, r->to, deadline);
	if (err == -ERESTARTSYS)
		err = w->is_pi ? -EAGAIN : -ERESTARTNOINTR;
	return err;
}

long futex_wait_requeue_pi(const struct futex_requeue *r, nsec_t deadline)
{
	struct futex_waiter w;
	struct futex_key from, to;
	long err;

	if (r->from == r->to)
		return -EINVAL;
	err = futex_key_get(r->to, r->private_to, FUTEX_WRITE, &to);
	if (err != 0)
		return err;
	err = futex_key_get(r->from, r->private_from, FUTEX_READ, &from);
	if (err != 0)
		goto put_to;
	if (futex_key_equal(&from, &to)) {
		futex_key_put(&from);
		err = -EINVAL;
		goto put_to;
	}
	mutex_lock(&pi_mutex);
	futex_waiter_init(&w, FUTEX_BITSET_MATCH_ANY);
	w.target = &to;
	futex_enqueue(&w, &from);
	err = wait_for_requeue(&w, r, deadline);
	mutex_unlock(&pi_mutex);
put_to:
	futex_key_put(&to);
	return err;
}

/* With pi_mutex held: who is next to be moved; *out is NULL when nobody waits. -EINVAL: somebody
 * who does not wait to be moved there. */
static int first_to_requeue(const struct futex_key *from, const struct futex_key *to,
			    struct futex_waiter **out)
{
	struct futex_bucket *b = futex_bucket_of(from);
	struct futex_waiter *w;
	int err = 0;

	*out = NULL;
	futex_lock_pair(b, b);
	list_foreach(&b->waiters, w, link) {
		if (!futex_key_equal(&w->key, from))
			continue;
		if (w->target == NULL || !futex_key_equal(w->target, to))
			err = -EINVAL;
		*out = w; /* stays, as it needs pi_mutex to leave */
		break;
	}
	futex_unlock_pair(b, b);
	return err;
}

static void move_waiter(struct futex_waiter *w, const struct futex_key *to)
{
	struct futex_bucket *a = futex_bucket_of(&w->key), *b = futex_bucket_of(to);
	struct futex_key old = w->key;

	futex_lock_pair(a, b);
	w->is_pi = true;
	futex_move_locked(w, to, b);
	futex_unlock_pair(a, b);
	futex_key_put(&old);
}

/* One waiter takes the lock, or waits for it. 0 or -errno. */
static int requeue_one(struct futex_waiter *w, const struct futex_requeue *r,
		       const struct futex_key *to)
{
	struct claim c = {
		.addr = r->to,
		.key = *to,
		.task = w->task,
		.leaves_others = r->nr_requeue != 0,
	};
	struct pi_lock *l;
	int err = acquire(&c, &l);

	if (err == GOT_IT) {
		w->owns = true;
		futex_wake_waiter(w);
		return 0;
	}
	if (err != MUST_WAIT)
		return err;
	err = start_waiting(w, l);
	if (err == 0)
		move_waiter(w, to);
	return err;
}

/* With pi_mutex held. */
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
	for (; done < most; done++) {
		err = first_to_requeue(from, to, &w);
		if (err == 0 && w != NULL)
			err = requeue_one(w, r, to);
		if (err != 0)
			return err;
		if (w == NULL)
			break;
	}
	return done;
}

long futex_requeue_pi(const struct futex_requeue *r)
{
	struct futex_key from, to;
	long result;

	if (r->nr_wake != 1 || r->nr_requeue < 0 || r->from == r->to)
		return -EINVAL;
	result = futex_key_get(r->from, r->private_from, FUTEX_READ, &from);
	if (result != 0)
		return result;
	result = futex_key_get(r->to, r->private_to, FUTEX_WRITE, &to);
	if (result == 0) {
		mutex_lock(&pi_mutex);
		result = futex_key_equal(&from, &to) ? -EINVAL : requeue_all(r, &from, &to);
		mutex_unlock(&pi_mutex);
		futex_key_put(&to);
	}
	futex_key_put(&from);
	return result;
}

/* ---- the end of a task, and its priority ---- */

void futex_pi_release(struct task *t)
{
	struct pi_lock *l;

	scoped_mutex(&pi_mutex);
	t->pi_gone = true;
	while ((l = list_first(&t->pi_locks, struct pi_lock, owner_link)) != NULL) {
		assert(first_waiter(l) != NULL); /* its users but for the owner are waiters */
		hand_over_unclaimed(l);
	}
}

void futex_task_exec(struct task *t)
{
	scoped_mutex(&pi_mutex);
	t->pi_gone = false;
}

void futex_priority_changed(struct task *t)
{
	scoped_mutex(&pi_mutex);
	if (!t->pi_gone)
		adjust_chain(t);
}
