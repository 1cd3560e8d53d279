/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of locks, under DEBUG only: order, recursion, waiting that does not end, sleeping with a
 * spinlock held. lockcheck.c has the theory. In a release build all of this is nothing.
 *
 * A mutex is of the class of the place that called mutex_init for it; a spinlock in allocated
 * memory of none, which means that its order is not checked, unless lockcheck_spin_init names one.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct spinlock;
struct mutex;

#ifdef DEBUG
void lockcheck_spin_init(struct spinlock *l, const char *class);
void lockcheck_mutex_init(struct mutex *m, const void *from);
void lockcheck_spin_wants(struct spinlock *l, const void *from);
void lockcheck_spin_waits(struct spinlock *l, uint64_t since_cycles);
void lockcheck_spin_has(struct spinlock *l, const void *from);
void lockcheck_spin_gives(struct spinlock *l);
void lockcheck_mutex_wants(struct mutex *m, const void *from);
void lockcheck_mutex_has(struct mutex *m, const void *from);
void lockcheck_mutex_gives(struct mutex *m);
/* Panics if this CPU holds a spinlock. */
void lock_assert_none_spinning(void);
/* For tests: what would be a panic is counted instead, by this thread. Returns the count so far. */
unsigned lockcheck_expect(bool on);
#else
#define lockcheck_spin_init(l, class)  ((void)0)
#define lockcheck_mutex_init(m, from)  ((void)0)
#define lockcheck_spin_wants(l, from)  ((void)0)
#define lockcheck_spin_waits(l, since) ((void)(since))
#define lockcheck_spin_has(l, from)    ((void)0)
#define lockcheck_spin_gives(l)        ((void)0)
#define lockcheck_mutex_wants(m, from) ((void)0)
#define lockcheck_mutex_has(m, from)   ((void)0)
#define lockcheck_mutex_gives(m)       ((void)0)
#define lock_assert_none_spinning()    ((void)0)
#endif
