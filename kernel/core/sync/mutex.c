/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes: an owner word, and a wait queue for those who find it taken. As long as the owner runs
 * on another CPU, it will probably give the mutex back sooner than a sleep and a wake-up would
 * take: one spins for it first, for a bounded time, and not while somebody else wants this CPU.
 * Whether the owner runs is asked of the CPUs: its own structure may be gone.
 *
 * The next owner may free the mutex as soon as it has given it back itself, so nothing of it is
 * touched once it is free. CONTENDED sees to that: a sleeper sets it, and it outlives a change of
 * owner; who gives back a contended mutex does so with the queue's lock held, and only an owner
 * clears it, with that lock: whoever wakes another has then let go of the lock.
 */
#include "core/sync/mutex.h"

#include "arch/cpu.h"
#include "core/panic.h"
#include "core/smp/cpu.h"
#include "core/sync/lockcheck.h"
#include "lib/atomic.h"

#define SPINS_MAX 1000 /* some 20 us */
#define CONTENDED ((uintptr_t)1)

void mutex_init(struct mutex *m)
{
	m->owner = 0;
	waitq_init(&m->wq);
	lockcheck_mutex_init(m, __builtin_return_address(0));
}

static struct thread *owner_in(uintptr_t word)
{
	return (struct thread *)(word & ~CONTENDED);
}

/* If nobody has it; `word` is what it held last. */
static bool take_from(struct mutex *m, uintptr_t word)
{
	return owner_in(word) == NULL &&
	       atomic_compare_exchange(&m->owner, &word, word | (uintptr_t)thread_current());
}

static bool try_take(struct mutex *m)
{
	uintptr_t nobody = 0;

	return atomic_compare_exchange(&m->owner, &nobody, (uintptr_t)thread_current()) ||
	       take_from(m, nobody);
}

bool mutex_try_lock(struct mutex *m)
{
	bool got = try_take(m);

	if (got)
		lockcheck_mutex_has(m, __builtin_return_address(0));
	return got;
}

static bool runs_elsewhere(const struct thread *t)
{
	for (uint64_t left = atomic_load(&cpus_online); left != 0; left &= left - 1) {
		if (READ_ONCE(cpu_first(left)->arch.current) == t)
			return true;
	}
	return false;
}

static bool spin_for(struct mutex *m)
{
	if (cpu_is_alone())
		return false;
	for (unsigned i = 0; i < SPINS_MAX && !READ_ONCE(cpu_this()->need_resched); i++) {
		uintptr_t word = READ_ONCE(m->owner);

		if (take_from(m, word))
			return true;
		if (owner_in(word) != NULL && !runs_elsewhere(owner_in(word)))
			return false;
		cpu_relax();
	}
	return false;
}

/* Takes it, or sees to it that its owner looks at the queue. */
static bool take_or_contend(struct mutex *m)
{
	uintptr_t word = READ_ONCE(m->owner);

	for (;;) {
		if (take_from(m, word))
			return true;
		if (owner_in(word) != NULL &&
		    atomic_compare_exchange(&m->owner, &word, word | CONTENDED))
			return false;
		word = READ_ONCE(m->owner);
	}
}

static NOINLINE void wait_and_lock(struct mutex *m)
{
	struct wait_entry e = { .exclusive = true };

	while (!try_take(m) && !spin_for(m)) {
		bool got;

		wait_begin(&m->wq, &e);
		got = take_or_contend(m);
		if (!got)
			wait_sleep(WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
		wait_end(&m->wq, &e);
		if (got)
			return;
	}
}

void mutex_lock(struct mutex *m)
{
	assert(!mutex_is_mine(m));
	lockcheck_mutex_wants(m, __builtin_return_address(0));
	if (unlikely(!try_take(m)))
		wait_and_lock(m);
	lockcheck_mutex_has(m, __builtin_return_address(0));
}

static bool try_give(struct mutex *m)
{
	uintptr_t mine = (uintptr_t)thread_current();

	return atomic_compare_exchange(&m->owner, &mine, 0);
}

static NOINLINE void give_contended(struct mutex *m)
{
	do {
		scoped_spin(&m->wq.lock);
		if (waitq_is_active(&m->wq)) {
			atomic_store(&m->owner, CONTENDED);
			waitq_wake_one_locked(&m->wq, 0);
			return;
		}
		atomic_and(&m->owner, ~CONTENDED);
	} while (!try_give(m));
}

void mutex_unlock(struct mutex *m)
{
	assert(mutex_is_mine(m));
	lockcheck_mutex_gives(m);
	if (unlikely(!try_give(m)))
		give_contended(m);
}

bool mutex_is_mine(const struct mutex *m)
{
	return owner_in(READ_ONCE(m->owner)) == thread_current();
}
