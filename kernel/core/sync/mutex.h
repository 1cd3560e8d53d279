/* SPDX-License-Identifier: BSD-2-Clause */
/* Sleeping lock, not recursive. May be held across page faults and I/O where its owner's header
 * says so. */
#pragma once
#include "core/sync/waitq.h"

struct mutex {
	uintptr_t owner; /* [a] the thread, or 0: free; bit 0: somebody may wait */
	struct waitq wq;
#ifdef DEBUG
	uint16_t class; /* core/sync/lockcheck.c's */
#endif
};

#define MUTEX_INIT(name) \
	{ \
		.wq = WAITQ_INIT((name).wq) \
	}
void mutex_init(struct mutex *m);
void mutex_lock(struct mutex *m);
bool mutex_try_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_is_mine(const struct mutex *m);

static inline void mutex_unlock_scope(struct mutex **m)
{
	mutex_unlock(*m);
}

#define scoped_mutex(m) \
	struct mutex *CONCAT(scope_, __LINE__) SCOPED(mutex_unlock_scope) UNUSED = ({ \
		struct mutex *taken_ = (m); \
		mutex_lock(taken_); \
		taken_; \
	})
