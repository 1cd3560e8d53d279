/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlock: interrupts stay off while it is held. The lock itself remembers whether they were on,
 * so locks are released in reverse order of taking. Never sleep, and never touch user memory, under
 * one.
 *
 *	scoped_spin(&x->lock);		held to the end of the scope
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct spinlock {
	uint32_t held;     /* [a] core/sync/spinlock.c's */
	bool irqs_were_on; /* [l] */
#ifdef DEBUG
	uint16_t class, owner_plus_1; /* core/sync/lockcheck.c's */
	const void *taken_at;
#endif
};

#define SPINLOCK_INIT \
	{ \
		.held = 0 \
	}

extern bool spinlock_shared; /* [I] from the moment before a second CPU starts */

void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);

static inline void spin_unlock_scope(struct spinlock **l)
{
	spin_unlock(*l);
}

#define scoped_spin(l) \
	struct spinlock *CONCAT(scope_, __LINE__) SCOPED(spin_unlock_scope) UNUSED = ({ \
		struct spinlock *taken_ = (l); \
		spin_lock(taken_); \
		taken_; \
	})
