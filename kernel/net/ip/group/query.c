/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What routers ask of groups (RFC 3376 §5.2, §7.2, RFC 3810 §6.2, §8.2), and of which version they
 * are: after the query of an older one, the host speaks that for a while. Others' reports are of no
 * interest: ours are not held back (RFC 3376 §5).
 */
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/ip/deliver.h"
#include "net/ip/group/group.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"

#define OLD_QUERIER_NS (260 * NSEC_PER_SEC) /* RFC 3376 §8.12: by the defaults of what is in it */
#define TENTH_NS       (NSEC_PER_SEC / 10)
#define MS_NS          (NSEC_PER_SEC / 1000)

struct query {
	struct netdev *dev;
	bool v4;
	uint8_t group[16]; /* any: all of that family */
	nsec_t within;
	const uint8_t *sources; /* as they came: of 4 or 16 bytes */
	unsigned nr_sources;
};

enum group_version group_version_locked(const struct group_querier *q)
{
	nsec_t now = clock_monotonic();

	return now < q->version1_until   ? GROUP_VERSION_1
	       : now < q->version2_until ? GROUP_VERSION_2
					 : GROUP_NEWEST;
}

enum group_version net_group_version(struct netdev *d, bool v4)
{
	struct ip_device *i = ip_device_of(d);

	scoped_spin(&d->net->lock);
	return group_version_locked(v4 ? &i->querier4 : &i->querier6);
}

/* ---- answers to come; net->lock is held ---- */

/* One more source that the answer is about; without room for it, all of the group is. */
static void ask_source(struct net_group *g, const uint8_t ip[16])
{
	for (unsigned n = 0; n < g->nr_asked; n++)
		if (inet_ip_equal(g->asked[n], ip))
			return;
	if (g->nr_asked < GROUP_ASKED_MAX) {
		memcpy(g->asked[g->nr_asked++], ip, 16);
		return;
	}
	kmem_free(g->asked);
	g->asked = NULL;
}

static void ask_sources(struct net_group *g, const struct query *q)
{
	uint8_t ip[16];

	for (unsigned n = 0; g->asked != NULL && n < q->nr_sources; n++) {
		if (q->v4)
			inet_ip_from_v4_bytes(ip, q->sources + 4 * n);
		else
			memcpy(ip, q->sources + 16 * n, sizeof(ip));
		ask_source(g, ip);
	}
}

static void ask_group(struct net_group *g, const struct query *q, nsec_t at)
{
	bool was_asked = g->answer_at != NSEC_NEVER;

	g->answer_at = min(g->answer_at, at);
	g->nr_asked = was_asked ? g->nr_asked : 0;
	if (q->nr_sources == 0 || (was_asked && g->asked == NULL)) {
		kmem_free(g->asked);
		g->asked = NULL;
		return;
	}
	if (g->asked == NULL)
		g->asked = kmem_alloc_nowait(GROUP_ASKED_MAX * sizeof(*g->asked));
	ask_sources(g, q);
}

/* Older versions answer for each group by itself (RFC 2236 §3). */
static void ask_each(struct ip_device *i, const struct query *q)
{
	struct net_group *g;

	group_foreach(i, g)
	{
		if (inet_ip_is_v4(g->ip) != q->v4 || !group_has_users(g) ||
		    !group_is_told_of(i->dev, g->ip))
			continue;
		ask_group(g, q, clock_monotonic() + group_some_of(q->within));
		group_arm_locked(i, g->answer_at);
	}
}

static void ask(const struct query *q)
{
	struct ip_device *i = ip_device_of(q->dev);
	struct group_querier *querier = q->v4 ? &i->querier4 : &i->querier6;
	nsec_t at = clock_monotonic() + group_some_of(q->within);
	struct net_group *g;

	scoped_spin(&q->dev->net->lock);
	if (!i->is_running)
		return;
	if (!inet_ip_is_any(q->group)) {
		g = group_find_locked(i, q->group);
		if (g == NULL || !group_has_users(g) || !group_is_told_of(q->dev, g->ip) ||
		    querier->general_at <= at)
			return; /* the answer about all comes sooner */
		ask_group(g, q, at);
		group_arm_locked(i, at);
	} else if (group_version_locked(querier) == GROUP_NEWEST) {
		querier->general_at = min(querier->general_at, at);
		group_arm_locked(i, querier->general_at);
	} else {
		ask_each(i, q);
	}
}

/* A router of an older version is there; nothing of ours that it does not know goes out. */
static void set_version(struct netdev *d, bool v4, enum group_version version)
{
	struct ip_device *i = ip_device_of(d);
	struct group_querier *q = v4 ? &i->querier4 : &i->querier6;
	enum group_version was;

	scoped_spin(&d->net->lock);
	was = group_version_locked(q);
	*(version == GROUP_VERSION_1 ? &q->version1_until
				     : &q->version2_until) = clock_monotonic() + OLD_QUERIER_NS;
	if (group_version_locked(q) == was)
		return;
	q->general_at = NSEC_NEVER;
	group_forget_changes_locked(i, v4);
}

/* ---- what came ---- */

/* RFC 3376 §4.1.1, RFC 3810 §5.1.3: from `from` on it is a small floating-point number. */
static unsigned decode(unsigned code, unsigned from, unsigned mantissa_bits)
{
	unsigned mantissa = code & ((1u << mantissa_bits) - 1),
		 exponent = code >> mantissa_bits & 7;

	return code < from ? code : (mantissa | 1u << mantissa_bits) << (exponent + 3);
}

/* What IGMPv3 and MLDv2 have behind `at`. False: it is cut. */
static bool read_rest(struct query *q, struct netbuf *b, uint32_t at)
{
	struct ip_device *i = ip_device_of(q->dev);
	const struct group_query *h;
	uint32_t need;
	const uint8_t *bytes = netbuf_need(b, at + (uint32_t)sizeof(*h));

	if (bytes == NULL)
		return false;
	h = (const void *)(bytes + at);
	q->nr_sources = be16_get(h->nr_sources);
	need = at + (uint32_t)sizeof(*h) + q->nr_sources * (q->v4 ? 4u : 16u);
	bytes = netbuf_need(b, need);
	if (bytes == NULL)
		return false;
	h = (const void *)(bytes + at);
	q->sources = bytes + at + sizeof(*h);
	if ((h->robustness & GROUP_QUERY_ROBUSTNESS) != 0)
		WRITE_ONCE((q->v4 ? &i->querier4 : &i->querier6)->robustness,
			   h->robustness & GROUP_QUERY_ROBUSTNESS);
	return true;
}

static void query4(struct netbuf *b, const struct igmp_message *m)
{
	struct query q = { .dev = b->dev, .v4 = true };
	unsigned tenths = m->max_response;

	inet_ip_from_v4_bytes(q.group, m->group);
	if (b->len < IGMP_QUERY_3_LEN) {
		set_version(b->dev, true, tenths == 0 ? GROUP_VERSION_1 : GROUP_VERSION_2);
		tenths = tenths == 0 ? 100 : tenths;
	} else {
		if (!read_rest(&q, b, sizeof(*m)))
			return;
		tenths = decode(tenths, 128, 4);
	}
	q.within = tenths * TENTH_NS;
	ask(&q);
}

void igmp_input(struct net *net, struct netbuf *b)
{
	const struct igmp_message *m = netbuf_need(b, sizeof(*m));

	if (m != NULL && m->type == IGMP_QUERY &&
	    (b->len == sizeof(*m) || b->len >= IGMP_QUERY_3_LEN) &&
	    be16_get(checksum_finish(netbuf_sum(b, 0, b->len))) == 0)
		query4(b, m);
	netbuf_free(b);
	net_run();
}

void group_query6(struct netdev *d, struct netbuf *b)
{
	const struct ip_info *info = netbuf_notes(b, struct ip_info);
	const struct mld_message *m = netbuf_need(b, sizeof(*m));
	struct query q = { .dev = d };
	unsigned ms;

	if (m == NULL || info->hops != 1 || !inet_ip_is_link_local(info->from))
		return;
	ms = be16_get(m->max_response_ms);
	memcpy(q.group, m->group, sizeof(q.group));
	if (b->len == sizeof(*m))
		set_version(d, false, GROUP_VERSION_2);
	else if (b->len < MLD_QUERY_2_LEN || !read_rest(&q, b, sizeof(*m)))
		return;
	else
		ms = decode(ms, 32768, 12);
	q.within = ms * MS_NS;
	ask(&q);
}
