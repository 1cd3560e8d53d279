/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who hears a group, and from whom: counts of users, and what changes when one comes, goes or
 * chooses other sources (RFC 3376 §3.2, §5.1). Everybody is in the groups of all hosts, which are
 * never told of (RFC 3376 §6, RFC 3810 §6).
 */
#include "core/random.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/ip/deliver.h"
#include "net/ip/group/group.h"

#define UNSOLICITED_LEAST 2u /* the robustness variable, until a router says another */

static const uint8_t all_hosts4[16] = { [10] = 0xff, [11] = 0xff, 224, 0, 0, 1 };
static const uint8_t all_nodes_here6[16] = { 0xff, 0x01, [15] = 1 };

/* ---- the trees; net->lock is held ---- */

/* Where ip is or belongs; false: it is not there. The address lies `ip_at` behind the node. */
static bool find_place(struct tree *t, size_t ip_at, const uint8_t ip[16],
		       struct tree_node **parent, struct tree_node ***slot)
{
	*parent = NULL;
	*slot = &t->root;
	while (**slot != NULL) {
		int order = memcmp(ip, (const uint8_t *)**slot + ip_at, 16);

		if (order == 0)
			return true;
		*parent = **slot;
		*slot = order < 0 ? &(*parent)->left : &(*parent)->right;
	}
	return false;
}

#define GROUP_IP_AT  (offsetof(struct net_group, ip) - offsetof(struct net_group, node))
#define SOURCE_IP_AT (offsetof(struct group_source, ip) - offsetof(struct group_source, node))

struct net_group *group_find_locked(struct ip_device *i, const uint8_t ip[16])
{
	struct tree_node *parent, **slot;

	return find_place(&i->groups, GROUP_IP_AT, ip, &parent, &slot)
		       ? tree_entry(*slot, struct net_group, node)
		       : NULL;
}

struct group_source *group_find_source_locked(struct net_group *g, const uint8_t ip[16])
{
	struct tree_node *parent, **slot;

	return find_place(&g->sources, SOURCE_IP_AT, ip, &parent, &slot)
		       ? tree_entry(*slot, struct group_source, node)
		       : NULL;
}

/* NULL: no memory, or there are too many. */
static struct net_group *add_group(struct ip_device *i, const uint8_t ip[16])
{
	struct tree_node *parent, **slot;
	struct net_group *g;

	g = i->nr_groups < GROUPS_MAX ? kmem_alloc_nowait(sizeof(*g)) : NULL;
	if (g == NULL)
		return NULL;
	*g = (struct net_group){ .change_at = NSEC_NEVER, .answer_at = NSEC_NEVER };
	memcpy(g->ip, ip, sizeof(g->ip));
	(void)find_place(&i->groups, GROUP_IP_AT, ip, &parent, &slot);
	tree_insert(&i->groups, parent, slot, &g->node);
	i->nr_groups++;
	return g;
}

static bool add_source(struct net_group *g, const uint8_t ip[16])
{
	struct tree_node *parent, **slot;
	struct group_source *s;

	if (find_place(&g->sources, SOURCE_IP_AT, ip, &parent, &slot))
		return true;
	s = g->nr_sources < GROUP_SOURCES_MAX ? kmem_alloc_nowait(sizeof(*s)) : NULL;
	if (s == NULL)
		return false;
	*s = (struct group_source){ .nr_changes = 0 };
	memcpy(s->ip, ip, sizeof(s->ip));
	tree_insert(&g->sources, parent, slot, &s->node);
	g->nr_sources++;
	return true;
}

static void remove_group(struct ip_device *i, struct net_group *g)
{
	tree_remove(&i->groups, &g->node);
	i->nr_groups--;
	kmem_free(g->asked);
	kmem_free(g);
}

void group_tidy_locked(struct ip_device *i, struct net_group *g)
{
	struct group_source *s;

	group_foreach_source(g, s)
	{
		if (s->nr_include + s->nr_exclude + s->nr_changes > 0)
			continue;
		tree_remove(&g->sources, &s->node);
		g->nr_sources--;
		kmem_free(s);
	}
	if (!group_has_users(g) && g->nr_sources == 0 && g->nr_changes + g->nr_turns == 0)
		remove_group(i, g);
}

/* ---- what is to be told; net->lock is held ---- */

static bool is_everybodys(const uint8_t ip[16])
{
	return inet_ip_equal(ip, all_hosts4) || inet_ip_equal(ip, inet_all_nodes6);
}

bool group_is_told_of(const struct netdev *d, const uint8_t ip[16])
{
	if (!inet_ip_is_v4(ip) && ip_device_has_mode(d, NET_DEVICE_NO_IP6))
		return false;
	return !is_everybodys(ip) && (d->features & NETDEV_LOOPBACK) == 0 &&
	       (inet_ip_is_v4(ip) || (ip[1] & 15) > 1);
}

nsec_t group_some_of(nsec_t span)
{
	return random_u64() % (span + 1);
}

void group_arm_locked(struct ip_device *i, nsec_t at)
{
	if (!i->is_running || at >= i->group_at)
		return;
	i->group_at = at;
	timer_arm(&i->group_timer, at);
}

/* At once: what was being told of it before is told with it. */
static void tell_change(struct ip_device *i, struct net_group *g)
{
	g->change_at = clock_monotonic();
	group_arm_locked(i, g->change_at);
}

static void tell_mode(struct ip_device *i, struct net_group *g)
{
	struct group_source *s;

	g->nr_changes = group_querier_of(i, g->ip)->robustness;
	group_foreach_source(g, s) s->nr_changes = 0;
	tell_change(i, g);
}

static void tell_sources(struct ip_device *i, struct net_group *g)
{
	unsigned robustness = group_querier_of(i, g->ip)->robustness;
	struct group_source *s;
	bool changed = false;

	group_foreach_source(g, s)
	{
		if (group_hears(g, s) == s->was_heard)
			continue;
		s->nr_changes = robustness;
		changed = true;
	}
	if (changed)
		tell_change(i, g);
}

/* ---- users; net->lock is held ---- */

static unsigned *users_of(struct net_group *g, const struct net_sources *s)
{
	return s->include ? &g->nr_include : &g->nr_exclude;
}

/* A list may name a source twice. */
static bool is_named_before(const struct net_sources *f, unsigned n)
{
	for (unsigned before = 0; before < n; before++)
		if (inet_ip_equal(f->ip[before], f->ip[n]))
			return true;
	return false;
}

/* One user less, or more. The sources are all there. */
static void count(struct net_group *g, const struct net_sources *f, int more)
{
	if (f == NULL)
		return;
	*users_of(g, f) += (unsigned)more;
	for (unsigned n = 0; n < f->nr; n++) {
		struct group_source *s = group_find_source_locked(g, f->ip[n]);

		if (s != NULL && !is_named_before(f, n))
			*(f->include ? &s->nr_include : &s->nr_exclude) += (unsigned)more;
	}
}

static bool add_sources(struct net_group *g, const struct net_sources *f)
{
	for (unsigned n = 0; f != NULL && n < f->nr; n++)
		if (!add_source(g, f->ip[n]))
			return false;
	return true;
}

/* All that was needed is there. */
static void change_users(struct ip_device *i, struct net_group *g, const struct net_sources *was,
			 const struct net_sources *now)
{
	bool had_users = group_has_users(g), was_exclude = group_is_exclude(g);
	struct group_source *s;

	group_foreach_source(g, s) s->was_heard = group_hears(g, s);
	count(g, was, -1);
	count(g, now, 1);
	if (!group_has_users(g))
		g->answer_at = NSEC_NEVER;
	if (!group_is_told_of(i->dev, g->ip))
		return;
	if (had_users != group_has_users(g))
		g->nr_turns = group_querier_of(i, g->ip)->robustness;
	if (was_exclude != group_is_exclude(g))
		tell_mode(i, g);
	else
		tell_sources(i, g);
}

static int change_locked(struct ip_device *i, const uint8_t ip[16], const struct net_sources *was,
			 const struct net_sources *now)
{
	struct net_group *g = group_find_locked(i, ip);
	int err = 0;

	if (was != NULL && (g == NULL || *users_of(g, was) == 0))
		return -EADDRNOTAVAIL;
	if (g == NULL)
		g = add_group(i, ip);
	if (g == NULL)
		return -ENOBUFS;
	if (add_sources(g, now))
		change_users(i, g, was, now);
	else
		err = -ENOBUFS;
	group_tidy_locked(i, g);
	return err;
}

/* ---- for users ---- */

static void filter_changed(struct netdev *d)
{
	if (d->ops->set_filter != NULL)
		d->ops->set_filter(d);
}

int net_group_change(struct netdev *d, const uint8_t group[16], const struct net_sources *was,
		     const struct net_sources *now)
{
	struct ip_device *i = ip_device_of(d);
	unsigned nr_before, nr;
	int err;

	if (!inet_ip_is_multicast(group))
		return -EINVAL;
	spin_lock(&d->net->lock);
	nr_before = i->nr_groups;
	err = change_locked(i, group, was, now);
	nr = i->nr_groups;
	spin_unlock(&d->net->lock);
	if (nr != nr_before)
		filter_changed(d);
	return err;
}

static const struct net_sources everything = { .include = false };

int net_group_join(struct netdev *d, const uint8_t group[16])
{
	return net_group_change(d, group, NULL, &everything);
}

int net_group_leave(struct netdev *d, const uint8_t group[16])
{
	return net_group_change(d, group, &everything, NULL);
}

bool net_group_hears(struct netdev *d, const uint8_t group[16], const uint8_t from[16])
{
	struct net_group *g;

	if (is_everybodys(group))
		return true;
	scoped_spin(&d->net->lock);
	g = group_find_locked(ip_device_of(d), group);
	return g != NULL && group_hears(g, group_find_source_locked(g, from));
}

/* ---- for who shows them ---- */

/* Groups that are heard though nobody joined them. */
static const uint8_t *const always[] = { all_hosts4, inet_all_nodes6, all_nodes_here6 };

unsigned net_group_list(struct netdev *d, struct net_group_view *to, unsigned most)
{
	struct ip_device *i = ip_device_of(d);
	struct net_group *g;
	unsigned nr = 0;

	scoped_spin(&d->net->lock);
	for (unsigned n = 0; n < ARRAY_SIZE(always) && nr < most; n++) {
		if (group_find_locked(i, always[n]) != NULL)
			continue;
		to[nr] = (struct net_group_view){ .nr_users = 1 };
		memcpy(to[nr++].ip, always[n], sizeof(to->ip));
	}
	group_foreach(i, g)
	{
		if (!group_has_users(g) || nr == most)
			continue;
		memcpy(to[nr].ip, g->ip, sizeof(g->ip));
		to[nr].is_due = g->change_at != NSEC_NEVER || g->answer_at != NSEC_NEVER;
		to[nr++].nr_users = g->nr_include + g->nr_exclude;
	}
	return nr;
}

static unsigned list_sources(struct net_group *g, struct net_source_view *to, unsigned most)
{
	struct group_source *s;
	unsigned nr = 0;

	group_foreach_source(g, s)
	{
		if (nr == most || s->nr_include + s->nr_exclude == 0)
			continue;
		to[nr] = (struct net_source_view){ .nr_include = s->nr_include,
						   .nr_exclude = s->nr_exclude };
		memcpy(to[nr].group, g->ip, sizeof(g->ip));
		memcpy(to[nr++].ip, s->ip, sizeof(s->ip));
	}
	return nr;
}

unsigned net_group_list_sources(struct netdev *d, struct net_source_view *to, unsigned most)
{
	struct net_group *g;
	unsigned nr = 0;

	scoped_spin(&d->net->lock);
	group_foreach(ip_device_of(d), g) nr += list_sources(g, to + nr, most - nr);
	return nr;
}

unsigned net_group_macs(struct netdev *d, uint8_t (*macs)[ETHERNET_ADDRESS_LEN], unsigned most)
{
	struct ip_device *i = ip_device_of(d);
	struct net_group *g;
	unsigned nr = 0;

	for (; nr < 2 && nr < most; nr++)
		ip_group_mac(always[nr], macs[nr]);
	scoped_spin(&d->net->lock);
	if (i->nr_groups + 2 > most)
		return i->nr_groups + 2;
	group_foreach(i, g) ip_group_mac(g->ip, macs[nr++]);
	return nr;
}

/* ---- begin and end ---- */

void group_init(struct ip_device *i)
{
	const struct group_querier none = { .general_at = NSEC_NEVER,
					    .robustness = UNSOLICITED_LEAST };

	timer_init(&i->group_timer, group_ring);
	i->group_at = NSEC_NEVER;
	i->querier4 = i->querier6 = none;
}

void group_forget_changes_locked(struct ip_device *i, bool v4)
{
	struct group_source *s;
	struct net_group *g;

	group_foreach(i, g)
	{
		if (inet_ip_is_v4(g->ip) != v4)
			continue;
		g->nr_changes = g->nr_turns = 0;
		g->change_at = g->answer_at = NSEC_NEVER;
		group_foreach_source(g, s) s->nr_changes = 0;
		group_tidy_locked(i, g);
	}
}

/* The link may be another: all of it is new there. */
static void tell_anew(struct ip_device *i, struct net_group *g)
{
	struct group_source *s;

	if (!group_has_users(g) || !group_is_told_of(i->dev, g->ip))
		return;
	g->nr_turns = group_querier_of(i, g->ip)->robustness;
	if (group_is_exclude(g)) {
		tell_mode(i, g);
		return;
	}
	group_foreach_source(g, s) s->was_heard = false;
	tell_sources(i, g);
}

void group_start(struct ip_device *i)
{
	struct net_group *g;

	spin_lock(&i->dev->net->lock);
	i->group_at = NSEC_NEVER; /* what rang while it was down was not heard */
	group_foreach(i, g) tell_anew(i, g);
	group_arm_locked(i, clock_monotonic());
	spin_unlock(&i->dev->net->lock);
	filter_changed(i->dev);
}

void group_forget_all(struct netdev *d)
{
	struct ip_device *i = ip_device_of(d);
	struct group_source *s;
	struct net_group *g;

	scoped_spin(&d->net->lock);
	group_foreach(i, g)
	{
		g->nr_include = g->nr_exclude = g->nr_changes = g->nr_turns = 0;
		group_foreach_source(g, s) s->nr_include = s->nr_exclude = s->nr_changes = 0;
		group_tidy_locked(i, g);
	}
}
