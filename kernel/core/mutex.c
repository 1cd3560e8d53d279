/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes: an owner word, and a wait queue for those who find it taken. As long as the owner runs
 * on another CPU, it will probably give the mutex back sooner than a sleep and a wake-up would
 * take: one spins for it first, for a bounded time, and not while somebody else wants this CPU.
 * Whether the owner runs is asked of the CPUs: its own structure may be gone.
 */
#include "core/mutex.h"

#include "arch/cpu.h"
#include "core/cpu.h"
#include "core/lockcheck.h"
#include "core/panic.h"
#include "lib/atomic.h"

#define SPINS_MAX 1000 /* some 20 us */

void mutex_init(struct mutex *m)
{
	m->owner = NULL;
	waitq_init(&m->wq);
	lockcheck_mutex_init(m, __builtin_return_address(0));
}

static bool try_take(struct mutex *m)
{
	struct thread *nobody = NULL;

	return atomic_compare_exchange(&m->owner, &nobody, thread_current());
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
		struct thread *owner = READ_ONCE(m->owner);

		if (owner == NULL && try_take(m))
			return true;
		if (owner != NULL && !runs_elsewhere(owner))
			return false;
		cpu_relax();
	}
	return false;
}

static NOINLINE void wait_and_lock(struct mutex *m)
{
	struct wait_entry e = { .exclusive = true };

	while (!try_take(m) && !spin_for(m)) {
		bool got;

		wait_begin(&m->wq, &e);
		got = try_take(m);
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

void mutex_unlock(struct mutex *m)
{
	assert(mutex_is_mine(m));
	lockcheck_mutex_gives(m);
	atomic_store(&m->owner, NULL);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the store before the look at the queue */
	if (unlikely(waitq_is_active(&m->wq)))
		waitq_wake_one(&m->wq, 0);
}

bool mutex_is_mine(const struct mutex *m)
{
	return READ_ONCE(m->owner) == thread_current();
}
