/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The failing allocator: tests ask for one chosen allocation to fail, for a share of all, or choose
 * by a function of their own. Off, it costs one load and a branch that is never taken.
 */
#include "lib/atomic.h"
#include "lib/hash.h"
#include "mm/alloc/kmem.h"

static bool armed;            /* [a] */
static unsigned fail_rate;    /* [a] of 65536 */
static uint64_t random_state; /* [a] */
static uint64_t countdown;    /* [a] 0: nothing asked for */
static bool (*chooser)(void); /* [a] NULL: none */

static void rearm(void)
{
	atomic_store(&armed, fail_rate != 0 || countdown != 0 || chooser != NULL);
}

void kmem_fail_rate(unsigned rate, uint64_t seed)
{
	atomic_store(&random_state, seed);
	atomic_store(&fail_rate, rate);
	rearm();
}

bool kmem_fail_at(uint64_t nth)
{
	uint64_t left = atomic_exchange(&countdown, nth);

	rearm();
	return left == 0;
}

void kmem_fail_choose(bool (*must_fail)(void))
{
	atomic_store(&chooser, must_fail);
	rearm();
}

bool kmem_must_fail(void)
{
	bool (*choose)(void);
	uint64_t draw;

	if (likely(!armed))
		return false;
	choose = atomic_load(&chooser);
	if (choose != NULL && choose())
		return true;
	if (atomic_load(&countdown) != 0 && atomic_sub(&countdown, 1) == 0)
		return true;
	draw = hash_u64(atomic_add(&random_state, 0x9e3779b97f4a7c15ull));
	return draw % 65536 < fail_rate;
}
