/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts per user: user_counts.h has the theory. */
#include "linux/task/user_counts.h"

#include "core/spinlock.h"
#include "lib/list.h"
#include "mm/kmem.h"

#define TABLE_SIZE 32

struct user {
	struct list link; /* [lock] */
	uint32_t uid;     /* [I] */
	unsigned nr;      /* [lock] never 0 */
};

static struct spinlock lock = SPINLOCK_INIT; /* inside of process->lock */
static struct list table[TABLE_SIZE];        /* [lock] */

static struct user *find_locked(uint32_t uid)
{
	struct list *l = &table[uid % TABLE_SIZE];
	struct user *u;

	if (l->next == NULL)
		list_init(l);
	list_foreach(l, u, link) {
		if (u->uid == uid)
			return u;
	}
	return NULL;
}

bool user_counts_add_signal(uint32_t uid, uint64_t limit)
{
	struct user *u;

	scoped_spin(&lock);
	u = find_locked(uid);
	if ((u != NULL ? u->nr : 0) >= limit)
		return false;
	if (u == NULL) {
		u = kmem_alloc_nowait(sizeof(*u));
		if (u == NULL)
			return false;
		u->uid = uid;
		list_append(&table[uid % TABLE_SIZE], &u->link);
	}
	u->nr++;
	return true;
}

void user_counts_drop_signal(uint32_t uid)
{
	struct user *u;

	scoped_spin(&lock);
	u = find_locked(uid);
	if (--u->nr != 0)
		return;
	list_remove(&u->link);
	kmem_free(u);
}

unsigned user_counts_signals(uint32_t uid)
{
	struct user *u;

	scoped_spin(&lock);
	u = find_locked(uid);
	return u != NULL ? u->nr : 0;
}
