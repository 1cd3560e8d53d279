/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of neighbours: found by a hash that is keyed with the net's secret, bounded as
 * neighbour.h says. by_use is in the order in which they were looked for, so that whoever makes
 * room looks at its beginning; what somebody keeps is sent to its end, so that it is passed over
 * once, and each search is bounded.
 */
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/ip/ip.h"
#include "net/link/neighbour.h"
#include "net/netdev.h"

#define AT_ONCE    32u /* that are looked at with the lock held */
#define CROWDED_NS (5 * NSEC_PER_SEC)
#define IDLE_NS    (60 * NSEC_PER_SEC) /* gc_stale_time */
#define SWEEP_NS   (30 * NSEC_PER_SEC) /* gc_interval */
#define PAUSE_NS   (NSEC_PER_SEC / 1000)

enum { FEW, MANY, MOST }; /* of net_settings.neighbours */

void neighbour_table_init(struct net *net)
{
	struct neighbour_table *t = &net->neighbours;

	list_init(&t->all);
	for (unsigned i = 0; i < NEIGHBOUR_BUCKETS; i++)
		list_init(&t->by_ip[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(t->families); i++)
		list_init(&t->families[i].by_use);
	t->sweep_at = NSEC_NEVER;
}

static struct list *bucket_of(const struct netdev *d, const uint8_t ip[16])
{
	uint64_t key;

	memcpy(&key, d->net->secret, sizeof(key));
	return &d->net->neighbours.by_ip[hash_bytes(ip, 16, key + d->index) % NEIGHBOUR_BUCKETS];
}

static unsigned family_of(const uint8_t ip[16])
{
	return inet_ip_is_v4(ip) ? 0 : 1;
}

static uint32_t limit(const struct net *net, unsigned family, unsigned which)
{
	return READ_ONCE(net->settings.neighbours[family][which]);
}

/* ---- the lists; net->lock is held ---- */

static struct neighbour *find_locked(struct netdev *d, const uint8_t ip[16])
{
	struct neighbour *n;

	list_foreach(bucket_of(d, ip), n, by_ip) {
		if (n->dev == d && inet_ip_equal(n->ip, ip))
			return n;
	}
	return NULL;
}

static void enter_lists(struct neighbour *n)
{
	struct neighbour_table *t = &n->dev->net->neighbours;
	struct neighbour_family *f = &t->families[family_of(n->ip)];

	list_append(&t->all, &n->link);
	list_append(bucket_of(n->dev, n->ip), &n->by_ip);
	list_append(&f->by_use, &n->by_use);
	f->nr++;
}

static void leave_lists(struct neighbour *n)
{
	list_remove(&n->link);
	list_remove(&n->by_ip);
	list_remove(&n->by_use);
	n->dev->net->neighbours.families[family_of(n->ip)].nr--;
}

static void note_use(struct neighbour *n)
{
	list_remove(&n->by_use);
	list_append(&n->dev->net->neighbours.families[family_of(n->ip)].by_use, &n->by_use);
}

/* ---- making room; net->lock is held ---- */

static bool is_kept(const struct neighbour *n)
{
	return atomic_load(&n->ref.count) != 1 || READ_ONCE(n->state) == NEIGHBOUR_PERMANENT;
}

static bool is_idle(const struct neighbour *n, nsec_t since)
{
	return READ_ONCE(n->state) == NEIGHBOUR_FAILED ||
	       max(READ_ONCE(n->used_ns), READ_ONCE(n->confirmed_ns)) <= since;
}

/* At most `most` that nobody has used since: they are `gone`'s, with the table's count. */
static void take_idle(struct neighbour_family *f, unsigned most, nsec_t since, struct list *gone)
{
	struct neighbour *n;

	for (unsigned i = 0; i < AT_ONCE && most > 0; i++) {
		n = list_first(&f->by_use, struct neighbour, by_use);
		if (n == NULL)
			return;
		if (is_kept(n)) {
			note_use(n);
			continue;
		}
		if (!is_idle(n, since))
			return;
		leave_lists(n);
		list_append(gone, &n->link);
		most--;
	}
}

static void make_room(struct net *net, unsigned family, nsec_t now, struct list *gone)
{
	struct neighbour_family *f = &net->neighbours.families[family];

	if (f->nr >= limit(net, family, MOST)) {
		take_idle(f, f->nr - limit(net, family, MOST) + 1, NSEC_NEVER, gone);
	} else if (f->nr >= limit(net, family, MANY) && now - f->swept_at >= CROWDED_NS) {
		f->swept_at = now;
		take_idle(f, f->nr - limit(net, family, MANY) + 1, now - CROWDED_NS, gone);
	}
}

/* No lock is held. */
static void let_go(struct list *gone)
{
	struct neighbour *n;

	while ((n = list_first(gone, struct neighbour, link)) != NULL) {
		list_remove(&n->link);
		neighbour_let_go(n);
	}
}

nsec_t neighbour_table_sweep(struct net *net, nsec_t now)
{
	struct neighbour_table *t = &net->neighbours;
	struct list gone = LIST_INIT(gone);
	nsec_t next = NSEC_NEVER;

	spin_lock(&net->lock);
	if (t->sweep_at > now) {
		next = t->sweep_at;
		spin_unlock(&net->lock);
		return next;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(t->families); i++) {
		unsigned nr = t->families[i].nr, few = limit(net, i, FEW);

		if (nr <= few)
			continue;
		take_idle(&t->families[i], nr - few, now - IDLE_NS, &gone);
		if (t->families[i].nr > few)
			next = min(next,
				   now + (nr - t->families[i].nr == AT_ONCE ? PAUSE_NS : SWEEP_NS));
	}
	t->sweep_at = next;
	spin_unlock(&net->lock);
	let_go(&gone);
	return next;
}

/* ---- finding and making ---- */

struct neighbour *neighbour_find(struct netdev *d, const uint8_t ip[16])
{
	struct neighbour *n;

	scoped_spin(&d->net->lock);
	n = find_locked(d, ip);
	if (n == NULL)
		return NULL;
	ref_get(&n->ref);
	note_use(n);
	return n;
}

static struct neighbour *new_neighbour(struct netdev *d, const uint8_t ip[16])
{
	struct neighbour *n = kmem_alloc_nowait(sizeof(*n));

	if (n == NULL)
		return NULL;
	ref_init(&n->ref);
	list_init(&n->link);
	list_init(&n->waiting);
	n->dev = d;
	memcpy(n->ip, ip, sizeof(n->ip));
	n->used_ns = clock_monotonic();
	n->deadline_ns = NSEC_NEVER;
	return n;
}

/* `fresh`, unless somebody else was quicker; counted for the caller. */
static struct neighbour *enter(struct netdev *d, struct neighbour *fresh)
{
	unsigned family = family_of(fresh->ip);
	struct list gone = LIST_INIT(gone);
	nsec_t now = fresh->used_ns, sweep_at;
	struct net *net = d->net;
	struct neighbour *n;

	spin_lock(&net->lock);
	n = find_locked(d, fresh->ip);
	if (n == NULL) {
		make_room(net, family, now, &gone);
		n = fresh;
		enter_lists(n);
		if (net->neighbours.families[family].nr > limit(net, family, FEW))
			net->neighbours.sweep_at = min(net->neighbours.sweep_at, now + SWEEP_NS);
	}
	ref_get(&n->ref);
	sweep_at = net->neighbours.sweep_at;
	spin_unlock(&net->lock);
	if (sweep_at != NSEC_NEVER)
		neighbour_alarm_arm(net, sweep_at);
	if (n != fresh)
		neighbour_put(fresh);
	let_go(&gone);
	return n;
}

struct neighbour *neighbour_get(struct netdev *d, const uint8_t ip[16])
{
	struct neighbour *n = neighbour_find(d, ip);

	if (n != NULL)
		return n;
	n = new_neighbour(d, ip);
	return n == NULL ? NULL : enter(d, n);
}

/* ---- all of them ---- */

unsigned neighbour_table_due(struct net *net, nsec_t now, struct neighbour **due, nsec_t *next)
{
	struct neighbour *n;
	unsigned nr = 0;

	*next = NSEC_NEVER;
	scoped_spin(&net->lock);
	list_foreach(&net->neighbours.all, n, link) {
		nsec_t deadline = READ_ONCE(n->deadline_ns);

		if (deadline > now || nr == NEIGHBOURS_DUE_MAX) {
			*next = min(*next, deadline);
			continue;
		}
		ref_get(&n->ref);
		due[nr++] = n;
	}
	return nr;
}

/* net->lock is held. */
static struct neighbour *find_of(struct net *net, struct netdev *d)
{
	struct neighbour *n;

	list_foreach(&net->neighbours.all, n, link) {
		if (d == NULL || n->dev == d)
			return n;
	}
	return NULL;
}

struct neighbour *neighbour_table_take(struct net *net, struct netdev *d, const uint8_t *ip)
{
	struct neighbour *n;

	scoped_spin(&net->lock);
	n = ip != NULL ? find_locked(d, ip) : find_of(net, d);
	if (n != NULL)
		leave_lists(n);
	return n;
}
