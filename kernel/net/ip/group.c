/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups that an interface hears, counted by who joined them, and what routers are told of it:
 * IGMPv3 (RFC 3376 §5), IGMPv2 where the router speaks it (RFC 2236), MLDv2 (RFC 3810 §6) and MLDv1
 * (RFC 2710). Sources are not chosen: a group is joined from all, or not at all. Changes are told
 * twice (the robustness variable), answers to queries come after a random part of the time that
 * the router grants. Everybody is in the groups of all hosts, which are never told of (RFC 3376 §6,
 * RFC 3810 §6). A group that was left stays on the list until the router has been told.
 */
#include <linux/in.h>
#include <linux/in6.h>

#include "core/random.h"
#include "lib/errno.h"
#include "mm/kmem.h"
#include "net/ip/deliver.h"
#include "net/ip/device.h"
#include "net/wire/checksum.h"
#include "net/wire/group.h"
#include "net/wire/ip.h"

#define GROUPS_MAX     1024u
#define ROBUSTNESS     2u
#define UNSOLICITED_NS NSEC_PER_SEC         /* RFC 3376 §8.11 */
#define OLD_QUERIER_NS (260 * NSEC_PER_SEC) /* RFC 3376 §8.12: by the defaults of what is in it */
#define AT_A_TIME      16u

struct net_group {
	struct list link; /* all: net->lock */
	uint8_t ip[16];
	unsigned nr_users;           /* 0: it was left, and is still to be told of */
	unsigned nr_changes;         /* reports of the last change that are to be sent */
	nsec_t change_at, answer_at; /* when; NSEC_NEVER: nothing is to be told */
};

static const uint8_t all_hosts4[16] = { [10] = 0xff, [11] = 0xff, 224, 0, 0, 1 };

/* ---- membership; net->lock is held ---- */

static struct net_group *find_locked(struct netdev *d, const uint8_t ip[16])
{
	struct net_group *g;

	list_foreach(&d->groups, g, link) {
		if (inet_ip_equal(g->ip, ip))
			return g;
	}
	return NULL;
}

static bool is_everybodys(const uint8_t ip[16])
{
	return inet_ip_equal(ip, all_hosts4) || inet_ip_equal(ip, inet_all_nodes6);
}

/* Does a router hear of it? Not of what stays on the interface (RFC 3810 §6). */
static bool is_told_of(const struct netdev *d, const uint8_t ip[16])
{
	return !is_everybodys(ip) && (d->features & NETDEV_LOOPBACK) == 0 &&
	       (inet_ip_is_v4(ip) || (ip[1] & 15) > 1);
}

bool net_group_is_joined(struct netdev *d, const uint8_t group[16])
{
	struct net_group *g;

	if (is_everybodys(group))
		return true;
	scoped_spin(&d->net->lock);
	g = find_locked(d, group);
	return g != NULL && g->nr_users > 0;
}

static nsec_t some_of(nsec_t span)
{
	return random_u64() % (span + 1);
}

static void arm_locked(struct ip_device *i, nsec_t not_before)
{
	nsec_t next = NSEC_NEVER;
	struct net_group *g;

	if (!i->is_running)
		return;
	list_foreach(&i->dev->groups, g, link) {
		next = min(next, g->change_at);
		next = min(next, g->answer_at);
	}
	if (next != NSEC_NEVER)
		timer_arm(&i->group_timer, max(next, not_before));
}

static void tell_change_locked(struct netdev *d, struct net_group *g)
{
	if (!is_told_of(d, g->ip))
		return;
	g->nr_changes = ROBUSTNESS;
	g->change_at = clock_monotonic();
	arm_locked(ip_device_of(d), 0);
}

static void filter_changed(struct netdev *d)
{
	if (d->ops->set_filter != NULL)
		d->ops->set_filter(d);
}

static unsigned count_locked(struct netdev *d)
{
	struct net_group *g;
	unsigned nr = 0;

	list_foreach(&d->groups, g, link)
		nr++;
	return nr;
}

/* The first of its users; `fresh` is used, or not. */
static int join_locked(struct netdev *d, struct net_group *fresh, bool *is_new)
{
	struct net_group *g = find_locked(d, fresh->ip);

	if (g == NULL && count_locked(d) >= GROUPS_MAX)
		return -ENOBUFS;
	*is_new = g == NULL;
	if (g == NULL) {
		g = fresh;
		list_append(&d->groups, &g->link);
	}
	g->nr_users++;
	if (g->nr_users == 1)
		tell_change_locked(d, g);
	return 0;
}

int net_group_join(struct netdev *d, const uint8_t group[16])
{
	struct net_group *fresh;
	bool is_new = false;
	int err;

	if (!inet_ip_is_multicast(group))
		return -EINVAL;
	fresh = kmem_alloc_nowait(sizeof(*fresh));
	if (fresh == NULL)
		return -ENOBUFS;
	list_init(&fresh->link);
	memcpy(fresh->ip, group, sizeof(fresh->ip));
	fresh->change_at = fresh->answer_at = NSEC_NEVER;
	spin_lock(&d->net->lock);
	err = join_locked(d, fresh, &is_new);
	spin_unlock(&d->net->lock);
	if (!is_new)
		kmem_free(fresh);
	else
		filter_changed(d);
	return err;
}

int net_group_leave(struct netdev *d, const uint8_t group[16])
{
	struct net_group *g, *gone = NULL;

	spin_lock(&d->net->lock);
	g = find_locked(d, group);
	if (g == NULL || g->nr_users == 0) {
		spin_unlock(&d->net->lock);
		return -EADDRNOTAVAIL;
	}
	g->nr_users--;
	if (g->nr_users == 0) {
		g->answer_at = NSEC_NEVER;
		tell_change_locked(d, g);
		if (!is_told_of(d, group)) {
			list_remove(&g->link);
			gone = g;
		}
	}
	spin_unlock(&d->net->lock);
	if (gone != NULL)
		filter_changed(d);
	kmem_free(gone);
	return 0;
}

unsigned net_group_macs(struct netdev *d, uint8_t (*macs)[ETHERNET_ADDRESS_LEN], unsigned most)
{
	const uint8_t *always[] = { all_hosts4, inet_all_nodes6 };
	struct net_group *g;
	unsigned nr = 0;

	for (; nr < ARRAY_SIZE(always) && nr < most; nr++)
		ip_group_mac(always[nr], macs[nr]);
	nr = ARRAY_SIZE(always);
	scoped_spin(&d->net->lock);
	list_foreach(&d->groups, g, link) {
		if (nr < most)
			ip_group_mac(g->ip, macs[nr]);
		nr++;
	}
	return nr;
}

/* ---- out ---- */

/* What is to be sent, of one group. */
struct report {
	uint8_t ip[16];
	enum group_record_type type;
	bool old; /* the router speaks the version before */
};

static void put_record(struct netbuf *b, const struct report *r, unsigned ip_len)
{
	struct group_record *record = netbuf_put(b, (unsigned)sizeof(*record));

	*record = (struct group_record){ .type = (uint8_t)r->type };
	memcpy(netbuf_put(b, ip_len), r->ip + 16 - ip_len, ip_len);
}

static void put_head(struct netbuf *b, uint8_t type)
{
	struct group_report *h = netbuf_put(b, sizeof(*h));

	*h = (struct group_report){ .type = type, .nr_records = be16_of(1) };
}

static void send_igmp(struct netdev *d, struct netbuf *b, const uint8_t to[16])
{
	static const uint8_t router_alert[4] = { 0x94, 4 }; /* RFC 2113 */
	struct ip_path path = { .dev = d, .mtu = READ_ONCE(d->mtu) };
	struct igmp_message *h = (void *)b->data;
	struct ip_header_values v = {
		.to = to,
		.protocol = IPPROTO_IGMP,
		.hops = 1,
		.traffic_class = 0xc0, /* internetwork control, as others send it */
		.options = router_alert,
		.options_len = sizeof(router_alert),
		.no_echo = true,
	};

	h->checksum = checksum_finish(netbuf_sum(b, 0, b->len));
	if (!net_address_for_link(d, to, path.from))
		memcpy(path.from, inet_any4, sizeof(path.from));
	v.from = path.from;
	memcpy(path.next_hop, to, sizeof(path.next_hop));
	if (ip_send(d->net, b, &v, &path) != 0)
		return; /* lost, as any report may be */
}

static void report4(struct netdev *d, const struct report *r)
{
	static const uint8_t routers3[16] = { [10] = 0xff, [11] = 0xff, 224, 0, 0, 22 };
	static const uint8_t routers2[16] = { [10] = 0xff, [11] = 0xff, 224, 0, 0, 2 };
	bool left = r->type == GROUP_TO_INCLUDE;
	struct netbuf *b =
		netbuf_new(sizeof(struct group_report) + sizeof(struct group_record) + 4);
	struct igmp_message *m;

	if (b == NULL)
		return;
	if (r->old) {
		m = netbuf_put(b, sizeof(*m));
		*m = (struct igmp_message){ .type = left ? IGMP_LEAVE : IGMP_REPORT_2 };
		memcpy(m->group, r->ip + IP_V4_AT, sizeof(m->group));
		send_igmp(d, b, left ? routers2 : r->ip);
		return;
	}
	put_head(b, IGMP_REPORT_3);
	put_record(b, r, 4);
	send_igmp(d, b, routers3);
}

static void send_mld(struct netdev *d, struct netbuf *b, const uint8_t to[16])
{
	/* A router alert (RFC 2711) and two bytes of padding; byte 0 is filled in. */
	static const uint8_t hop_by_hop[8] = { 0, 0, 5, 2, 0, 0, 1, 0 };
	uint8_t from[16];
	struct ip_header_values v = {
		.from = from,
		.to = to,
		.protocol = IPPROTO_ICMPV6,
		.hops = 1,
		.options = hop_by_hop,
		.options_len = sizeof(hop_by_hop),
		.first_header = IPPROTO_HOPOPTS,
		.no_echo = true,
	};
	bool found;

	spin_lock(&d->net->lock);
	found = source_choose_locked(d->net, d, to, 0, from);
	spin_unlock(&d->net->lock);
	if (!found || !inet_ip_is_link_local(from)) /* RFC 3590 §4 */
		memcpy(from, inet_any6, sizeof(from));
	icmp6_send_on_link(d, b, &v);
}

static void report6(struct netdev *d, const struct report *r)
{
	static const uint8_t routers2[16] = { 0xff, 0x02, [15] = 0x16 };
	static const uint8_t routers1[16] = { 0xff, 0x02, [15] = 2 };
	bool left = r->type == GROUP_TO_INCLUDE;
	struct netbuf *b =
		netbuf_new(sizeof(struct group_report) + sizeof(struct group_record) + 16);
	struct mld_message *m;

	if (b == NULL)
		return;
	if (r->old) {
		m = netbuf_put(b, sizeof(*m));
		*m = (struct mld_message){ .type = left ? ICMP6_GROUP_DONE_1
							: ICMP6_GROUP_REPORT_1 };
		memcpy(m->group, r->ip, sizeof(m->group));
		send_mld(d, b, left ? routers1 : r->ip);
		return;
	}
	put_head(b, ICMP6_GROUP_REPORT_2);
	put_record(b, r, 16);
	send_mld(d, b, routers2);
}

/* ---- time ---- */

static bool is_due(struct net_group *g, nsec_t now, struct report *out)
{
	if (g->change_at <= now) {
		out->type = g->nr_users > 0 ? GROUP_TO_EXCLUDE : GROUP_TO_INCLUDE;
		g->nr_changes--;
		g->change_at = g->nr_changes > 0 ? now + 1 + some_of(UNSOLICITED_NS) : NSEC_NEVER;
		return true;
	}
	if (g->answer_at > now)
		return false;
	out->type = GROUP_IS_EXCLUDE;
	g->answer_at = NSEC_NEVER;
	return true;
}

/* The next report; *gone is a group that was told of for the last time. */
static bool take_due(struct ip_device *i, nsec_t now, struct report *out, struct net_group **gone)
{
	struct net_group *g;

	*gone = NULL;
	scoped_spin(&i->dev->net->lock);
	list_foreach(&i->dev->groups, g, link) {
		if (!is_due(g, now, out))
			continue;
		memcpy(out->ip, g->ip, sizeof(out->ip));
		out->old = now <
			   (inet_ip_is_v4(g->ip) ? i->old_querier4_until : i->old_querier6_until);
		if (g->nr_users == 0 && g->nr_changes == 0) {
			list_remove(&g->link);
			*gone = g;
		}
		return true;
	}
	return false;
}

static void ring(struct timer *t)
{
	struct ip_device *i = container_of(t, struct ip_device, group_timer);
	nsec_t now = clock_monotonic();
	struct net_group *gone;
	struct report r;

	for (unsigned n = 0; n < AT_A_TIME && take_due(i, now, &r, &gone); n++) {
		if (inet_ip_is_v4(r.ip))
			report4(i->dev, &r);
		else
			report6(i->dev, &r);
		if (gone != NULL)
			filter_changed(i->dev);
		kmem_free(gone);
	}
	spin_lock(&i->dev->net->lock);
	arm_locked(i, now + 1);
	spin_unlock(&i->dev->net->lock);
	net_run();
}

/* ---- queries ---- */

/* group any: about all of that family. */
static void answer(struct netdev *d, const uint8_t group[16], bool v4, nsec_t within)
{
	nsec_t now = clock_monotonic();
	struct net_group *g;

	scoped_spin(&d->net->lock);
	list_foreach(&d->groups, g, link) {
		nsec_t at = now + some_of(within);

		if (inet_ip_is_v4(g->ip) != v4 || g->nr_users == 0 || !is_told_of(d, g->ip))
			continue;
		if (inet_ip_is_any(group) || inet_ip_equal(group, g->ip))
			g->answer_at = min(g->answer_at, at);
	}
	arm_locked(ip_device_of(d), 0);
}

/* RFC 3376 §4.1.1, RFC 3810 §5.1.3: from `from` on it is a small floating-point number. */
static unsigned decode(unsigned code, unsigned from, unsigned mantissa_bits)
{
	unsigned mantissa = code & ((1u << mantissa_bits) - 1),
		 exponent = code >> mantissa_bits & 7;

	return code < from ? code : (mantissa | 1u << mantissa_bits) << (exponent + 3);
}

static void set_old(struct netdev *d, nsec_t *until)
{
	scoped_spin(&d->net->lock);
	*until = clock_monotonic() + OLD_QUERIER_NS;
}

static void query4(struct netdev *d, const struct igmp_message *m, unsigned len)
{
	unsigned tenths = m->max_response;
	uint8_t group[16];

	if (len < IGMP_QUERY_3_LEN)
		set_old(d, &ip_device_of(d)->old_querier4_until);
	if (len >= IGMP_QUERY_3_LEN)
		tenths = decode(tenths, 128, 4);
	else if (tenths == 0)
		tenths = 100;
	inet_ip_from_v4_bytes(group, m->group);
	answer(d, group, true, tenths * (NSEC_PER_SEC / 10));
}

void igmp_input(struct net *net, struct netbuf *b)
{
	const struct igmp_message *m = netbuf_need(b, sizeof(*m));

	/* Others' reports are of no interest: ours are not held back (RFC 3376 §5). */
	if (m != NULL && m->type == IGMP_QUERY &&
	    be16_get(checksum_finish(netbuf_sum(b, 0, b->len))) == 0)
		query4(b->dev, m, b->len);
	netbuf_free(b);
	net_run();
}

void group_query6(struct netdev *d, struct netbuf *b)
{
	const struct ip_info *info = netbuf_notes(b, struct ip_info);
	const struct mld_message *m = netbuf_need(b, sizeof(*m));
	unsigned ms;

	if (m == NULL || info->hops != 1 || !inet_ip_is_link_local(info->from))
		return;
	if (b->len < MLD_QUERY_2_LEN)
		set_old(d, &ip_device_of(d)->old_querier6_until);
	ms = be16_get(m->max_response_ms);
	if (b->len >= MLD_QUERY_2_LEN)
		ms = decode(ms, 32768, 12);
	answer(d, m->group, false, ms * (NSEC_PER_SEC / 1000));
}

/* ---- begin and end ---- */

void group_init(struct ip_device *i)
{
	timer_init(&i->group_timer, ring);
}

void group_start(struct ip_device *i)
{
	struct net_group *g;

	spin_lock(&i->dev->net->lock);
	list_foreach(&i->dev->groups, g, link)
		tell_change_locked(i->dev, g);
	spin_unlock(&i->dev->net->lock);
	filter_changed(i->dev);
}

void group_forget_all(struct netdev *d)
{
	struct net_group *g;

	for (;;) {
		spin_lock(&d->net->lock);
		g = list_first(&d->groups, struct net_group, link);
		if (g != NULL)
			list_remove(&g->link);
		spin_unlock(&d->net->lock);
		if (g == NULL)
			return;
		kmem_free(g);
	}
}
