/* SPDX-License-Identifier: BSD-2-Clause */
/* Sequentially consistent counters and flags over the compiler's built-ins; relaxed where named
 * so. */
#pragma once
#include "lib/types.h"

#define atomic_load(p)        __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_store(p, v)    __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define atomic_add(p, v)      __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST) /* the new value */
#define atomic_sub(p, v)      __atomic_sub_fetch(p, v, __ATOMIC_SEQ_CST) /* the new value */
#define atomic_or(p, v)       __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)  /* the old value */
#define atomic_and(p, v)      __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST) /* the old value */
#define atomic_exchange(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
/* true when *p was *expected and is now v; else *expected holds what was found */
#define atomic_compare_exchange(p, expected, v) \
	__atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* Reference counts: born at 1; ref_put is true for whoever drops the last one. */
struct ref {
	unsigned count;
};

static inline void ref_init(struct ref *r)
{
	r->count = 1;
}

static inline void ref_get(struct ref *r)
{
	__atomic_add_fetch(&r->count, 1, __ATOMIC_RELAXED);
}

static inline bool ref_put(struct ref *r)
{
	return __atomic_sub_fetch(&r->count, 1, __ATOMIC_ACQ_REL) == 0;
}
