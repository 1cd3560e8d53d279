/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dentry cache: a hash table over (parent, name), grown as it fills; an LRU list of unused
 * entries; and the tree itself by parent and children links.
 *
 * A count drops to zero only under dcache_lock, and only under it is a found entry counted: an
 * entry with count 0 therefore belongs to whoever holds the lock. Inodes and parents are put after
 * the lock is let go, since that may sleep.
 */
#include "fs/dentry.h"

#include "core/random.h"
#include "core/sched/thread.h"
#include "core/sync/spinlock.h"
#include "fs/notify.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define BUCKETS_FIRST 256u
#define BUCKETS_MAX   65536u

struct spinlock dcache_lock = SPINLOCK_INIT;

/* All [dcache_lock]. */
static struct list buckets_first[BUCKETS_FIRST];
static struct list *buckets; /* NULL until the first entry */
static unsigned nr_buckets, nr_hashed;
static uint64_t hash_key;
static struct list lru = LIST_INIT(lru); /* oldest first */

static void init_locked(void)
{
	hash_key = random_u64();
	for (unsigned i = 0; i < BUCKETS_FIRST; i++)
		list_init(&buckets_first[i]);
	buckets = buckets_first;
	nr_buckets = BUCKETS_FIRST;
}

static uint64_t hash_name(const struct dentry *parent, const char *name, size_t len)
{
	return hash_bytes(name, len, hash_key ^ (uintptr_t)parent);
}

static void hash_locked(struct dentry *d)
{
	if (buckets == NULL)
		init_locked();
	d->hash = hash_name(d->parent, d->name, d->name_len);
	list_prepend(&buckets[d->hash & (nr_buckets - 1)], &d->hash_link);
	d->unhashed = false;
	nr_hashed++;
}

static void unhash_locked(struct dentry *d)
{
	if (d->unhashed)
		return;
	list_remove(&d->hash_link);
	d->unhashed = true;
	nr_hashed--;
}

static struct dentry *find_locked(struct dentry *parent, const char *name, size_t len)
{
	struct dentry *d;
	uint64_t hash;

	if (buckets == NULL)
		return NULL;
	hash = hash_name(parent, name, len);
	list_foreach(&buckets[hash & (nr_buckets - 1)], d, hash_link) {
		if (d->hash == hash && d->parent == parent && d->name_len == len &&
		    memcmp(d->name, name, len) == 0)
			return d;
	}
	return NULL;
}

/* Doubles the table when its chains get long; without memory it stays as it is. */
static void grow(void)
{
	unsigned old_nr = READ_ONCE(nr_buckets), nr = old_nr * 2;
	struct list *table, *old;

	if (READ_ONCE(nr_hashed) < 2 * old_nr || old_nr >= BUCKETS_MAX || old_nr == 0)
		return;
	table = kmem_new_array(struct list, nr);
	if (table == NULL)
		return;
	for (unsigned i = 0; i < nr; i++)
		list_init(&table[i]);
	spin_lock(&dcache_lock);
	if (nr_buckets != old_nr) {
		spin_unlock(&dcache_lock);
		kmem_free(table);
		return;
	}
	for (unsigned i = 0; i < old_nr; i++) {
		struct dentry *d;

		while ((d = list_first(&buckets[i], struct dentry, hash_link)) != NULL) {
			list_remove(&d->hash_link);
			list_append(&table[d->hash & (nr - 1)], &d->hash_link);
		}
	}
	old = buckets;
	buckets = table;
	nr_buckets = nr;
	spin_unlock(&dcache_lock);
	if (old != buckets_first)
		kmem_free(old);
}

static struct dentry *new_entry(struct superblock *sb, const char *name, size_t len,
				struct inode *inode)
{
	struct dentry *d = kmem_alloc(sizeof(*d) + len + 1);

	if (d == NULL) {
		if (inode != NULL)
			inode_put(inode);
		return NULL;
	}
	ref_init(&d->ref);
	d->sb = sb;
	d->inode = inode;
	d->name = (char *)(d + 1);
	memcpy(d->name, name, len);
	d->name_len = (unsigned)len;
	d->unhashed = true;
	list_init(&d->hash_link);
	list_init(&d->child_link);
	list_init(&d->children);
	list_init(&d->lru_link);
	return d;
}

struct dentry *dentry_new_root(struct superblock *sb, struct inode *inode)
{
	struct dentry *d = new_entry(sb, "/", 1, inode);

	if (d != NULL)
		d->parent = d;
	return d;
}

struct dentry *dentry_add(struct dentry *parent, const char *name, size_t len, struct inode *inode,
			  bool hashed)
{
	struct dentry *d = new_entry(parent->sb, name, len, inode), *old = NULL;

	if (d == NULL) {
		dentry_drop_name(parent, name, len);
		return NULL;
	}
	dentry_get(parent);
	spin_lock(&dcache_lock);
	d->parent = parent;
	list_append(&parent->children, &d->child_link);
	if (hashed) {
		old = find_locked(parent, name, len);
		if (old != NULL) {
			unhash_locked(old);
			ref_get(&old->ref);
		}
		hash_locked(d);
	}
	spin_unlock(&dcache_lock);
	dentry_put(old);
	grow();
	return d;
}

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len)
{
	struct dentry *d;

	scoped_spin(&dcache_lock);
	d = find_locked(parent, name, len);
	if (d != NULL)
		ref_get(&d->ref);
	return d;
}

void dentry_get(struct dentry *d)
{
	ref_get(&d->ref);
}

/* Takes an unused entry out of everything; free_entry must follow, without the lock. */
static void detach_locked(struct dentry *d)
{
	unhash_locked(d);
	list_remove(&d->child_link);
	list_remove(&d->lru_link);
}

/* Gives the parent, which is now to be put, or NULL. */
static struct dentry *free_entry(struct dentry *d)
{
	struct dentry *parent = d->parent != d ? d->parent : NULL;

	if (d->inode != NULL && d->inode->nlink == 0)
		notify_name(NULL, d->inode, d, IN_DELETE_SELF, 0);
	if (d->inode != NULL)
		inode_put(d->inode);
	if (d->name != (char *)(d + 1))
		kmem_free(d->name);
	kmem_free(d);
	return parent;
}

static bool keep_unused(const struct dentry *d)
{
	return !d->unhashed && !d->sb->ops->drop_unused;
}

/* Gives the next one to put: the parent of one that was freed. */
static struct dentry *put_one(struct dentry *d)
{
	unsigned count = atomic_load(&d->ref.count);

	while (count > 1) {
		if (atomic_compare_exchange(&d->ref.count, &count, count - 1))
			return NULL;
	}
	spin_lock(&dcache_lock);
	if (!ref_put(&d->ref)) {
		spin_unlock(&dcache_lock);
		return NULL;
	}
	if (keep_unused(d)) {
		list_remove(&d->lru_link);
		list_append(&lru, &d->lru_link);
		spin_unlock(&dcache_lock);
		return NULL;
	}
	detach_locked(d);
	spin_unlock(&dcache_lock);
	return free_entry(d);
}

void dentry_put(struct dentry *d)
{
	while (d != NULL)
		d = put_one(d);
}

void dentry_drop(struct dentry *d)
{
	scoped_spin(&dcache_lock);
	unhash_locked(d);
}

void dentry_drop_name(struct dentry *parent, const char *name, size_t len)
{
	struct dentry *d = dentry_find(parent, name, len);

	if (d == NULL)
		return;
	dentry_drop(d);
	dentry_put(d);
}

void dentry_drop_children(struct dentry *d)
{
	for (;;) {
		struct dentry *child, *victim = NULL;

		spin_lock(&dcache_lock);
		list_foreach(&d->children, child, child_link) {
			if (!child->unhashed) {
				victim = child;
				break;
			}
		}
		if (victim == NULL) {
			spin_unlock(&dcache_lock);
			return;
		}
		unhash_locked(victim);
		ref_get(&victim->ref);
		spin_unlock(&dcache_lock);
		dentry_put(victim);
	}
}

static void replace_name_locked(struct dentry *d, char *name, char **old)
{
	*old = d->name != (char *)(d + 1) ? d->name : NULL;
	d->name = name;
	d->name_len = (unsigned)strlen(name);
}

void dentry_move(struct dentry *d, struct dentry *new_parent, char *new_name)
{
	struct dentry *target, *old_parent = NULL;
	char *old_name;

	spin_lock(&dcache_lock);
	unhash_locked(d);
	target = find_locked(new_parent, new_name, strlen(new_name));
	if (target != NULL) {
		unhash_locked(target);
		ref_get(&target->ref);
	}
	replace_name_locked(d, new_name, &old_name);
	if (d->parent != new_parent) {
		ref_get(&new_parent->ref);
		old_parent = d->parent;
		d->parent = new_parent;
		list_remove(&d->child_link);
		list_append(&new_parent->children, &d->child_link);
	}
	hash_locked(d);
	spin_unlock(&dcache_lock);
	kmem_free(old_name);
	dentry_put(target);
	dentry_put(old_parent);
}

/* A name outside the entry, so that it can change hands. */
static int own_name(struct dentry *d)
{
	char *copy;

	if (d->name != (char *)(d + 1))
		return 0;
	copy = kmem_string(d->name);
	if (copy == NULL)
		return -1;
	spin_lock(&dcache_lock);
	d->name = copy;
	spin_unlock(&dcache_lock);
	return 0;
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
	struct dentry *parent = a->parent;
	char *name;
	unsigned len = a->name_len;

	if (own_name(a) != 0 || own_name(b) != 0) {
		dentry_drop(a); /* no memory: look them up again */
		dentry_drop(b);
		return;
	}
	scoped_spin(&dcache_lock);
	name = a->name;
	unhash_locked(a);
	unhash_locked(b);
	a->name = b->name;
	a->name_len = b->name_len;
	a->parent = b->parent;
	b->name = name;
	b->name_len = len;
	b->parent = parent;
	list_remove(&a->child_link);
	list_remove(&b->child_link);
	list_append(&a->parent->children, &a->child_link);
	list_append(&b->parent->children, &b->child_link);
	hash_locked(a);
	hash_locked(b);
}

struct dentry *dentry_parent(struct dentry *d)
{
	struct dentry *parent;

	scoped_spin(&dcache_lock);
	parent = d->parent;
	ref_get(&parent->ref);
	return parent;
}

bool dentry_is_below(struct dentry *d, struct dentry *ancestor)
{
	scoped_spin(&dcache_lock);
	while (d != ancestor && d->parent != d)
		d = d->parent;
	return d == ancestor;
}

void dentry_set_mountpoint(struct dentry *d, bool on)
{
	scoped_spin(&dcache_lock);
	d->is_mountpoint = on;
}

/* The oldest unused entry (of sb, if it is given), detached. Entries in use leave the list. */
static struct dentry *take_unused(struct superblock *sb)
{
	struct dentry *d;

	scoped_spin(&dcache_lock);
	list_foreach_safe(&lru, d, lru_link) {
		if (atomic_load(&d->ref.count) != 0) {
			list_remove(&d->lru_link);
			continue;
		}
		if (sb != NULL && d->sb != sb)
			continue;
		detach_locked(d);
		return d;
	}
	return NULL;
}

void dentry_prune(struct superblock *sb)
{
	struct dentry *d;

	while ((d = take_unused(sb)) != NULL)
		dentry_put(free_entry(d));
}

static size_t drop_unused(size_t want)
{
	size_t pages = 0, small = 0;
	struct dentry *d;

	while (pages + small / 8 < want && (d = take_unused(NULL)) != NULL) {
		if (d->inode != NULL && atomic_load(&d->inode->ref.count) == 1)
			pages += d->inode->object.nr_pages;
		small++;
		dentry_put(free_entry(d));
	}
	return pages + small / 8;
}

/*
 * Letting an inode go may allocate (a FUSE file system says FORGET): that allocation must not come
 * back here. Another thread that is short of memory meanwhile lets this one go on, and tries again.
 */
static size_t reclaim(size_t want)
{
	static struct thread *reclaiming; /* [a] */
	struct thread *nobody = NULL, *me = thread_current();
	size_t pages;

	if (!atomic_compare_exchange(&reclaiming, &nobody, me)) {
		if (nobody == me)
			return 0;
		thread_yield();
		return 1;
	}
	pages = drop_unused(want);
	atomic_store(&reclaiming, NULL);
	return pages;
}

PAGE_RECLAIMER(dentry_reclaimer) = { .reclaim = reclaim };
