/* SPDX-License-Identifier: BSD-2-Clause */
/* Memberships of groups, and from whom: group.h has the theory. */
#include "net/inet/group.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/ip/ip.h"
#include "net/netdev.h"

/* ---- the list; names_lock is held ---- */

static struct inet_group *find(const struct inet_socket *i, const struct group_request *r)
{
	for (unsigned n = 0; i->groups != NULL && n < i->groups->nr; n++) {
		struct inet_group *g = &i->groups->all[n];

		if (inet_ip_equal(g->ip, r->ip) && g->dev == r->dev)
			return g;
	}
	return NULL;
}

/* What a member without sources hears. */
static const struct inet_sources all_sources = { .include = false };

/* The interface hears of it: NULL is no member. */
static int tell(struct netdev *d, const uint8_t ip[16], const struct inet_sources *was,
		const struct inet_sources *now)
{
	struct net_sources w = { 0 }, n = { 0 };

	if (was != NULL)
		w = (struct net_sources){ was->include, was->nr, was->ip };
	if (now != NULL)
		n = (struct net_sources){ now->include, now->nr, now->ip };
	return net_group_change(d, ip, was == NULL ? NULL : &w, now == NULL ? NULL : &n);
}

#define ROOM_FIRST 4u

/* Room for one more group. False: no memory. */
static bool make_room(struct inet_socket *i)
{
	struct inet_groups *was = i->groups, *g;
	unsigned room = was == NULL ? ROOM_FIRST : was->room * 2;

	if (was != NULL && was->nr < was->room)
		return true;
	g = kmem_alloc(sizeof(*g) + room * sizeof(g->all[0]));
	if (g == NULL)
		return false;
	if (was != NULL)
		memcpy(g, was, sizeof(*g) + was->nr * sizeof(g->all[0]));
	g->room = room;
	spin_lock(&i->socket.lock);
	i->groups = g;
	spin_unlock(&i->socket.lock);
	kmem_free(was);
	return true;
}

static int check_number(const struct inet_socket *i, bool v4)
{
	unsigned nr = i->groups == NULL ? 0 : i->groups->nr,
		 nr4 = i->groups == NULL ? 0 : i->groups->nr4;

	if (v4)
		return nr4 >= READ_ONCE(i->net->settings.max_memberships) ? -ENOBUFS : 0;
	return nr - nr4 >= INET_GROUPS6_MAX ? -ENOMEM : 0;
}

/* Takes s. */
static int join(struct inet_socket *i, const struct group_request *r, struct inet_sources *s)
{
	bool v4 = inet_ip_is_v4(r->ip);
	struct inet_groups *g;
	int err = check_number(i, v4);

	if (err == 0 && !make_room(i))
		err = -ENOMEM;
	if (err == 0)
		err = tell(r->dev, r->ip, NULL, s == NULL ? &all_sources : s);
	if (err != 0)
		return err;
	g = i->groups;
	scoped_spin(&i->socket.lock);
	g->all[g->nr] = (struct inet_group){ .dev = r->dev, .sources = s };
	memcpy(g->all[g->nr++].ip, r->ip, sizeof(r->ip));
	g->nr4 += v4;
	return 0;
}

static int leave(struct inet_socket *i, struct inet_group *g)
{
	struct inet_group gone = *g;
	int err;

	spin_lock(&i->socket.lock);
	*g = i->groups->all[--i->groups->nr];
	i->groups->nr4 -= inet_ip_is_v4(gone.ip);
	spin_unlock(&i->socket.lock);
	err = tell(gone.dev, gone.ip, gone.sources == NULL ? &all_sources : gone.sources, NULL);
	kmem_free(gone.sources);
	return err;
}

void inet_leave_groups(struct inet_socket *i)
{
	while (i->groups != NULL && i->groups->nr > 0)
		IGNORE_RESULT(leave(i, &i->groups->all[0])); /* it is one of its groups */
}

/* ---- sources; names_lock is held ---- */

unsigned group_sources_max(const struct inet_socket *i, bool v4)
{
	return READ_ONCE(i->net->settings.max_sources[v4 ? 0 : 1]);
}

/* Its place; nr: it is not there. */
static unsigned place_of(const struct inet_sources *s, const uint8_t ip[16])
{
	unsigned n = 0;

	while (n < s->nr && !inet_ip_equal(s->ip[n], ip))
		n++;
	return n;
}

/* g hears what s says from now on, which is taken if that succeeds. */
static int replace(struct inet_socket *i, struct inet_group *g, struct inet_sources *s)
{
	struct inet_sources *was = g->sources;
	int err = tell(g->dev, g->ip, was == NULL ? &all_sources : was, s);

	if (err != 0)
		return err;
	spin_lock(&i->socket.lock);
	g->sources = s;
	spin_unlock(&i->socket.lock);
	kmem_free(was);
	return 0;
}

/* A copy of what g has, which is of that mode. */
static struct inet_sources *copy_of(const struct inet_group *g, bool include)
{
	struct inet_sources *s = kmem_new(struct inet_sources);

	if (s == NULL)
		return NULL;
	if (g->sources != NULL)
		*s = *g->sources;
	s->include = include;
	return s;
}

/* Takes s, which is NULL without memory. */
static int replace_or_free(struct inet_socket *i, struct inet_group *g, struct inet_sources *s)
{
	int err = s == NULL ? -ENOBUFS : replace(i, g, s);

	if (err != 0)
		kmem_free(s);
	return err;
}

static int add_source(struct inet_socket *i, struct inet_group *g, const uint8_t ip[16],
		      bool include)
{
	struct inet_sources *s = g->sources;

	if (s != NULL && s->include != include)
		return -EINVAL;
	if (s != NULL && s->nr >= group_sources_max(i, inet_ip_is_v4(g->ip)))
		return -ENOBUFS;
	if (s != NULL && place_of(s, ip) < s->nr)
		return -EADDRNOTAVAIL;
	s = copy_of(g, include);
	if (s != NULL)
		memcpy(s->ip[s->nr++], ip, sizeof(s->ip[0]));
	return replace_or_free(i, g, s);
}

/* From no source at all means to have left. */
static int remove_source(struct inet_socket *i, struct inet_group *g, const uint8_t ip[16],
			 bool include)
{
	struct inet_sources *s = g->sources;
	unsigned at;

	if (s != NULL && s->include != include)
		return -EINVAL;
	at = s == NULL ? 0 : place_of(s, ip);
	if (s == NULL || at == s->nr)
		return -EADDRNOTAVAIL;
	if (include && s->nr == 1)
		return leave(i, g);
	s = copy_of(g, include);
	if (s != NULL)
		memcpy(s->ip[at], s->ip[--s->nr], sizeof(s->ip[0]));
	return replace_or_free(i, g, s);
}

static int join_source(struct inet_socket *i, const struct group_request *r)
{
	struct inet_group *g = find(i, r);
	struct inet_sources *s;
	int err;

	if (g != NULL)
		return add_source(i, g, r->source, true);
	if (group_sources_max(i, inet_ip_is_v4(r->ip)) == 0)
		return -ENOBUFS;
	s = kmem_new(struct inet_sources);
	if (s == NULL)
		return -ENOBUFS;
	*s = (struct inet_sources){ .include = true, .nr = 1 };
	memcpy(s->ip[0], r->source, sizeof(s->ip[0]));
	err = join(i, r, s);
	if (err != 0)
		kmem_free(s);
	return err;
}

/* ---- what is asked for ---- */

static int change(struct inet_socket *i, enum group_act act, const struct group_request *r)
{
	struct inet_group *g = find(i, r);

	switch (act) {
	case GROUP_JOIN:
		return g != NULL ? -EADDRINUSE : join(i, r, NULL);
	case GROUP_LEAVE:
		return g == NULL ? -EADDRNOTAVAIL : leave(i, g);
	case GROUP_JOIN_SOURCE:
		return join_source(i, r);
	default:
		break;
	}
	if (g == NULL)
		return -EINVAL;
	if (act == GROUP_BLOCK_SOURCE)
		return add_source(i, g, r->source, false);
	return remove_source(i, g, r->source, act == GROUP_LEAVE_SOURCE);
}

int group_change(struct inet_socket *i, enum group_act act, const struct group_request *r)
{
	int err;

	mutex_lock(&i->names_lock);
	err = change(i, act, r);
	mutex_unlock(&i->names_lock);
	net_run();
	return err;
}

static int set_sources(struct inet_socket *i, struct inet_group *g, struct inet_sources *s)
{
	if (!s->include || s->nr > 0)
		return replace(i, g, s);
	kmem_free(s);
	return leave(i, g);
}

int group_set_sources(struct inet_socket *i, const struct group_request *r, struct inet_sources *s)
{
	struct inet_group *g;
	int err;

	mutex_lock(&i->names_lock);
	g = find(i, r);
	err = g == NULL ? -EINVAL : set_sources(i, g, s);
	mutex_unlock(&i->names_lock);
	net_run();
	return err;
}

int group_get_sources(struct inet_socket *i, const struct group_request *r,
		      struct inet_sources *out)
{
	const struct inet_group *g;

	scoped_mutex(&i->names_lock);
	g = find(i, r);
	if (g == NULL)
		return -EADDRNOTAVAIL;
	*out = g->sources != NULL ? *g->sources : (struct inet_sources){ .include = false };
	return 0;
}

/* ---- what comes ---- */

static bool takes(const struct inet_group *g, const uint8_t from[16])
{
	const struct inet_sources *s = g->sources;

	return s == NULL || (place_of(s, from) < s->nr) == s->include;
}

bool inet_hears_group(struct inet_socket *i, const struct ip_info *p)
{
	scoped_spin(&i->socket.lock);
	for (unsigned n = 0; i->groups != NULL && n < i->groups->nr; n++) {
		const struct inet_group *g = &i->groups->all[n];

		if (inet_ip_equal(g->ip, p->to) && g->dev->index == p->dev_index)
			return takes(g, p->from);
	}
	return inet_option_for(i, p->to, IP_MULTICAST_ALL, IPV6_MULTICAST_ALL) != 0;
}
