/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts per user: user_counts.h has the theory. */
#include "linux/task/user_counts.h"

#include "core/sync/spinlock.h"
#include "lib/list.h"
#include "mm/alloc/kmem.h"

#define TABLE_SIZE 32

struct user {
	struct list link; /* [lock] */
	uint32_t uid;     /* [I] */
	/* [lock] never 0 both */
	unsigned nr_signals;
	uint64_t nr_pages;
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

/* The user, there from now on. NULL = no memory. */
static struct user *get_locked(uint32_t uid)
{
	struct user *u = find_locked(uid);

	if (u != NULL)
		return u;
	u = kmem_alloc_nowait(sizeof(*u));
	if (u == NULL)
		return NULL;
	*u = (struct user){ .uid = uid };
	list_append(&table[uid % TABLE_SIZE], &u->link);
	return u;
}

static void put_locked(struct user *u)
{
	if (u->nr_signals != 0 || u->nr_pages != 0)
		return;
	list_remove(&u->link);
	kmem_free(u);
}

/* ---- signals ---- */

bool user_counts_add_signal(uint32_t uid, uint64_t limit)
{
	struct user *u;

	scoped_spin(&lock);
	u = find_locked(uid);
	if ((u != NULL ? u->nr_signals : 0) >= limit)
		return false;
	u = get_locked(uid);
	if (u == NULL)
		return false;
	u->nr_signals++;
	return true;
}

void user_counts_drop_signal(uint32_t uid)
{
	struct user *u;

	scoped_spin(&lock);
	u = find_locked(uid);
	u->nr_signals--;
	put_locked(u);
}

unsigned user_counts_signals(uint32_t uid)
{
	struct user *u;

	scoped_spin(&lock);
	u = find_locked(uid);
	return u != NULL ? u->nr_signals : 0;
}

/* ---- pages ---- */

bool user_counts_add_pages(uint32_t uid, uint64_t nr, uint64_t limit)
{
	struct user *u;

	scoped_spin(&lock);
	u = find_locked(uid);
	if (nr > limit || (u != NULL && u->nr_pages > limit - nr))
		return false;
	u = get_locked(uid);
	if (u == NULL)
		return false;
	u->nr_pages += nr;
	return true;
}

void user_counts_drop_pages(uint32_t uid, uint64_t nr)
{
	struct user *u;

	scoped_spin(&lock);
	u = find_locked(uid);
	u->nr_pages -= nr;
	put_locked(u);
}
