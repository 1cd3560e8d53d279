/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes over NETLINK_ROUTE: RTM_GETROUTE, RTM_NEWROUTE, RTM_DELROUTE (rtnetlink(7)). There is one
 * table that can be changed, the main one; what the machine answers to itself is shown by
 * RTM_GETROUTE of one address only.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "net/netlink/rtnetlink.h"

#define V4_BITS    96u /* in front of an IPv4 prefix, as it is mapped */
#define METRIC6    1024u
#define LOCAL_FLAG 0x80000000u /* RTCF_LOCAL */

static const struct netlink_rule route_rules[] = {
	{ RTA_DST, 4 },       { RTA_SRC, 4 },      { RTA_OIF, 4 },     { RTA_IIF, 4 },
	{ RTA_GATEWAY, 4 },   { RTA_PRIORITY, 4 }, { RTA_PREFSRC, 4 }, { RTA_METRICS, 0 },
	{ RTA_MULTIPATH, 0 }, { RTA_TABLE, 4 },    { RTA_UID, 4 },     { RTA_MARK, 4 },
	{ RTA_VIA, 0 },
};

/* ---- writing ---- */

static void put_metrics(struct netlink_message *m, const struct route *r)
{
	unsigned nest;

	if (r->mtu == 0)
		return;
	nest = netlink_nest(m, RTA_METRICS);
	netlink_put_u32(m, RTAX_MTU, r->mtu);
	netlink_nest_end(m, nest);
}

bool rtnetlink_write_route(struct netlink_message *m, const struct nlmsghdr *h, const void *route)
{
	const struct route *r = route;
	struct rtmsg *t = netlink_begin(m, h, sizeof(*t));
	bool v4 = inet_ip_is_v4(r->prefix);

	t->rtm_family = (uint8_t)rtnetlink_family(r->prefix);
	t->rtm_dst_len = (uint8_t)(r->prefix_bits - (v4 ? V4_BITS : 0));
	t->rtm_table = r->table;
	t->rtm_protocol = r->protocol;
	t->rtm_scope = r->scope;
	t->rtm_type = r->type;
	netlink_put_u32(m, RTA_TABLE, r->table);
	if (t->rtm_dst_len != 0)
		rtnetlink_put_ip(m, RTA_DST, r->prefix);
	if (r->metric != 0 || !v4)
		netlink_put_u32(m, RTA_PRIORITY, r->metric);
	if (!inet_ip_is_any(r->prefer_from))
		rtnetlink_put_ip(m, RTA_PREFSRC, r->prefer_from);
	put_metrics(m, r);
	if (!inet_ip_is_any(r->gateway))
		rtnetlink_put_ip(m, RTA_GATEWAY, r->gateway);
	if (r->dev != NULL)
		netlink_put_u32(m, RTA_OIF, r->dev->index);
	if (!v4)
		netlink_put_u8(m, RTA_PREF, 0);
	return netlink_end(m);
}

/* ---- asking ---- */

struct filter { /* 0: any */
	uint32_t dev_index, table;
	uint8_t protocol, type;
	unsigned pass; /* of passes[] */
};

/* In which order a dump goes, as Linux's does: IPv4's defaults are on top, of both families what is
 * said of addresses of ours comes behind the table. */
static const struct {
	uint8_t family;
	bool defaults, others, locals;
} passes[] = {
	{ AF_INET, true, false, false },  { AF_INET, false, true, false },
	{ AF_INET, false, false, true },  { AF_INET6, true, true, false },
	{ AF_INET6, false, false, true },
};

#define LOCAL_ROUTES 2u /* of an address, at most */

static bool fits(const struct netlink_dump *d, const struct route *r)
{
	const struct filter *f = (const void *)d->filter;
	bool is_default = r->prefix_bits == (inet_ip_is_v4(r->prefix) ? V4_BITS : 0);

	if (!passes[f->pass].locals &&
	    !(is_default ? passes[f->pass].defaults : passes[f->pass].others))
		return false;
	return passes[f->pass].family == rtnetlink_family(r->prefix) &&
	       (f->dev_index == 0 || (r->dev != NULL && r->dev->index == f->dev_index)) &&
	       (f->table == 0 || f->table == r->table) &&
	       (f->protocol == 0 || f->protocol == r->protocol) &&
	       (f->type == 0 || f->type == r->type);
}

/* d->at: how many of the table have been looked at. */
static bool write_table(struct netlink_dump *d, struct netlink_message *m)
{
	struct nlmsghdr h = d->header;
	struct route *r;
	unsigned n = 0;

	h.nlmsg_type = RTM_NEWROUTE;
	scoped_spin(&d->net->lock);
	list_foreach(&d->net->routes, r, link) {
		if (n++ < d->at)
			continue;
		if (fits(d, r) && !rtnetlink_write_route(m, &h, r))
			return false;
		d->at++;
	}
	return true;
}

/* The table `local` as Linux has it, where the stack asks its addresses: the nth of the routes that
 * come with one. False: there is no such. */
static bool local_route(const struct net_address *a, unsigned n, struct route *r)
{
	bool v4 = inet_ip_is_v4(a->ip), lo = (a->dev->features & NETDEV_LOOPBACK) != 0;

	*r = (struct route){ .prefix_bits = 128,
			     .dev = a->dev,
			     .type = n == 0 ? RTN_LOCAL : RTN_BROADCAST,
			     .protocol = RTPROT_KERNEL,
			     .scope = !v4      ? RT_SCOPE_UNIVERSE
				      : n == 0 ? RT_SCOPE_HOST
					       : RT_SCOPE_LINK,
			     .table = RT_TABLE_LOCAL };
	memcpy(r->gateway, v4 ? inet_any4 : inet_any6, sizeof(r->gateway));
	memcpy(r->prefer_from, v4 ? a->ip : inet_any6, sizeof(r->prefer_from));
	memcpy(r->prefix, a->ip, sizeof(r->prefix));
	if (n == 1)
		inet_ip_from_v4_bytes(r->prefix, a->broadcast);
	if (n == 0 && v4 && lo) { /* the loopback has prefixes whole */
		r->prefix_bits = (uint8_t)(V4_BITS + a->prefix_bits);
		inet_ip_mask(r->prefix, a->ip, r->prefix_bits);
	}
	return n == 0 || (v4 && !inet_ip_is_any(r->prefix));
}

static bool write_local_of(struct netlink_dump *d, struct netlink_message *m,
			   const struct net_address *a)
{
	struct nlmsghdr h = d->header;
	struct route r;

	h.nlmsg_type = RTM_NEWROUTE;
	for (; d->at2 < LOCAL_ROUTES && local_route(a, d->at2, &r); d->at2++) {
		if (fits(d, &r) && !rtnetlink_write_route(m, &h, &r))
			return false;
	}
	d->at2 = 0;
	return true;
}

/* d->at: how many addresses have been looked at; d->at2: routes of the next. */
static bool write_local(struct netlink_dump *d, struct netlink_message *m)
{
	struct net_address *a;
	struct netdev *dev;
	unsigned n = 0;

	scoped_spin(&d->net->lock);
	list_foreach(&d->net->devices, dev, link) {
		list_foreach(&dev->addresses, a, link) {
			if (n++ < d->at)
				continue;
			if (!write_local_of(d, m, a))
				return false;
			d->at++;
		}
	}
	return true;
}

static bool more_routes(struct netlink_dump *d, struct netlink_message *m)
{
	struct filter *f = (void *)d->filter;

	for (; f->pass < ARRAY_SIZE(passes); f->pass++) {
		bool is_asked = d->family == AF_UNSPEC || d->family == passes[f->pass].family;

		if (is_asked && !(passes[f->pass].locals ? write_local(d, m) : write_table(d, m)))
			return false;
		d->at = d->at2 = 0;
	}
	return true;
}

static int dump_routes(struct netlink_request *r)
{
	struct netlink_dump d = { .more = more_routes, .watches_net = true };
	struct filter *f = (void *)d.filter;
	struct rtmsg t;

	netlink_read_header(r, &t, sizeof(t));
	d.family = t.rtm_family;
	if (netlink_option_is_on(r->socket, NETLINK_GET_STRICT_CHK)) {
		f->table = r->attrs[RTA_TABLE] != NULL ? netlink_get_u32(r->attrs[RTA_TABLE])
						       : t.rtm_table;
		f->dev_index = r->attrs[RTA_OIF] != NULL ? netlink_get_u32(r->attrs[RTA_OIF]) : 0;
		f->protocol = t.rtm_protocol;
		f->type = t.rtm_type;
	}
	return netlink_dump_start(r, &d);
}

/* What `ip route get` shows of a path. */
struct way {
	uint8_t to[16];
	struct ip_path path;
	struct route by; /* of IPv6: the route that leads there */
};

static uint8_t type_of(const struct way *w)
{
	if (w->path.is_local)
		return RTN_LOCAL;
	if (inet_ip_is_multicast(w->to))
		return RTN_MULTICAST;
	return w->path.is_broadcast ? RTN_BROADCAST : RTN_UNICAST;
}

static bool write_way(struct netlink_message *m, const struct nlmsghdr *h, const void *way)
{
	const struct way *w = way;
	bool v4 = inet_ip_is_v4(w->to);
	struct rta_cacheinfo cache = { .rta_clntref = 1 };
	struct rtmsg *t = netlink_begin(m, h, sizeof(*t));
	uint32_t table = w->path.is_local && !v4 ? RT_TABLE_LOCAL : RT_TABLE_MAIN;

	t->rtm_family = (uint8_t)rtnetlink_family(w->to);
	t->rtm_dst_len = v4 ? 32 : 128;
	t->rtm_table = (uint8_t)table;
	t->rtm_type = type_of(w);
	t->rtm_flags = v4 ? RTM_F_CLONED | (w->path.is_local ? LOCAL_FLAG : 0) : 0;
	t->rtm_protocol = w->by.protocol;
	netlink_put_u32(m, RTA_TABLE, table);
	rtnetlink_put_ip(m, RTA_DST, w->to);
	netlink_put_u32(m, RTA_OIF, w->path.dev->index);
	rtnetlink_put_ip(m, RTA_PREFSRC, w->path.from);
	if (!inet_ip_equal(w->path.next_hop, w->to))
		rtnetlink_put_ip(m, RTA_GATEWAY, w->path.next_hop);
	if (v4)
		netlink_put_u32(m, RTA_UID, 0);
	else
		netlink_put_u32(m, RTA_PRIORITY, w->by.metric);
	if (!v4)
		netlink_put_u8(m, RTA_PREF, 0);
	netlink_put(m, RTA_CACHEINFO, &cache, sizeof(cache));
	return netlink_end(m);
}

/* Of IPv4 Linux does not say which route it was. */
static void note_route(struct net *net, struct way *w)
{
	struct route *r;

	if (inet_ip_is_v4(w->to))
		return;
	w->by.protocol = RTPROT_KERNEL; /* to ourselves */
	if (w->path.is_local)
		return;
	scoped_spin(&net->lock);
	list_foreach(&net->routes, r, link) {
		if (r->dev == w->path.dev && inet_ip_in_prefix(w->to, r->prefix, r->prefix_bits)) {
			w->by = *r;
			return;
		}
	}
}

static int get_route(struct netlink_request *r)
{
	struct way w = { .by = { .metric = 0 } };
	struct ip_query q = { .to = w.to };
	uint8_t from[16];
	struct rtmsg t;
	int err;

	netlink_read_header(r, &t, sizeof(t));
	if (t.rtm_family != AF_INET && t.rtm_family != AF_INET6)
		return -EOPNOTSUPP;
	memcpy(w.to, t.rtm_family == AF_INET ? inet_any4 : inet_any6, sizeof(w.to));
	err = r->attrs[RTA_DST] != NULL ? rtnetlink_read_ip(r->attrs[RTA_DST], t.rtm_family, w.to)
					: 0;
	if (err == 0 && r->attrs[RTA_SRC] != NULL) {
		err = rtnetlink_read_ip(r->attrs[RTA_SRC], t.rtm_family, from);
		q.from = from;
	}
	if (err != 0)
		return err;
	if (r->attrs[RTA_OIF] != NULL)
		q.dev_index = netlink_get_u32(r->attrs[RTA_OIF]);
	if (q.dev_index != 0 && rtnetlink_device(r->net, q.dev_index) == NULL)
		return -ENODEV;
	err = ip_route(r->net, &q, &w.path);
	if (err != 0)
		return err;
	note_route(r->net, &w);
	err = rtnetlink_answer_one(r, write_way, &w, RTM_NEWROUTE);
	ip_path_drop(&w.path);
	return err;
}

/* ---- what a request says ---- */

static int read_prefix(struct netlink_request *r, const struct rtmsg *t, struct route *to)
{
	bool v4 = t->rtm_family == AF_INET;
	uint8_t masked[16];
	int err = 0;

	if (t->rtm_dst_len > (v4 ? 32 : 128))
		return netlink_refuse(r, -EINVAL, "Invalid prefix length", NULL);
	memcpy(to->prefix, v4 ? inet_any4 : inet_any6, sizeof(to->prefix));
	memcpy(to->gateway, to->prefix, sizeof(to->gateway));
	memcpy(to->prefer_from, to->prefix, sizeof(to->prefer_from));
	to->prefix_bits = (uint8_t)(t->rtm_dst_len + (v4 ? V4_BITS : 0));
	if (r->attrs[RTA_DST] != NULL)
		err = rtnetlink_read_ip(r->attrs[RTA_DST], t->rtm_family, to->prefix);
	inet_ip_mask(masked, to->prefix, to->prefix_bits);
	if (err == 0 && v4 && !inet_ip_equal(masked, to->prefix))
		return netlink_refuse(r, -EINVAL, "Invalid prefix for given prefix length", NULL);
	memcpy(to->prefix, masked, sizeof(masked));
	return err;
}

static uint32_t read_mtu(const struct netlink_request *r)
{
	const struct nlattr *all[RTAX_MTU + 1] = { NULL };

	if (r->attrs[RTA_METRICS] == NULL)
		return 0;
	netlink_parse_nested(r->attrs[RTA_METRICS], all, ARRAY_SIZE(all));
	return all[RTAX_MTU] != NULL && netlink_data_len(all[RTAX_MTU]) >= sizeof(uint32_t)
		       ? netlink_get_u32(all[RTAX_MTU])
		       : 0;
}

static int read_ends(struct netlink_request *r, const struct rtmsg *t, struct route *to)
{
	const struct nlattr *oif = r->attrs[RTA_OIF];
	int err = 0;

	if (r->attrs[RTA_GATEWAY] != NULL)
		err = rtnetlink_read_ip(r->attrs[RTA_GATEWAY], t->rtm_family, to->gateway);
	if (err == 0 && r->attrs[RTA_PREFSRC] != NULL)
		err = rtnetlink_read_ip(r->attrs[RTA_PREFSRC], t->rtm_family, to->prefer_from);
	if (err != 0 || oif == NULL || netlink_get_u32(oif) == 0)
		return err;
	to->dev = rtnetlink_device(r->net, netlink_get_u32(oif));
	return to->dev == NULL ? -ENODEV : 0;
}

static int read_route(struct netlink_request *r, struct route *to)
{
	uint32_t table;
	struct rtmsg t;
	int err;

	netlink_read_header(r, &t, sizeof(t));
	*to = (struct route){ .type = t.rtm_type,
			      .protocol = t.rtm_protocol,
			      .scope = t.rtm_scope,
			      .table = RT_TABLE_MAIN,
			      .valid_until = NSEC_NEVER };
	if (t.rtm_family != AF_INET && t.rtm_family != AF_INET6)
		return -EOPNOTSUPP;
	table = r->attrs[RTA_TABLE] != NULL ? netlink_get_u32(r->attrs[RTA_TABLE]) : t.rtm_table;
	if (table != RT_TABLE_MAIN && table != RT_TABLE_UNSPEC)
		return netlink_refuse(r, -EOPNOTSUPP, "Only the main table can be changed",
				      r->attrs[RTA_TABLE]);
	if (r->attrs[RTA_MULTIPATH] != NULL || r->attrs[RTA_VIA] != NULL || t.rtm_tos != 0 ||
	    t.rtm_src_len != 0)
		return netlink_refuse(r, -EOPNOTSUPP, "Not a route to one next hop", NULL);
	err = read_prefix(r, &t, to);
	if (err == 0)
		err = read_ends(r, &t, to);
	if (r->attrs[RTA_PRIORITY] != NULL)
		to->metric = netlink_get_u32(r->attrs[RTA_PRIORITY]);
	to->mtu = read_mtu(r);
	return err;
}

/* ---- changing ---- */

static bool leads_nowhere(const struct route *r)
{
	return r->type == RTN_BLACKHOLE || r->type == RTN_UNREACHABLE || r->type == RTN_PROHIBIT;
}

/* By which interface the gateway is reached, which must be on its link. */
static int resolve_gateway(struct netlink_request *r, struct route *to)
{
	struct ip_query q = { .to = to->gateway,
			      .dev_index = to->dev != NULL ? to->dev->index : 0 };
	struct ip_path p;
	int err = ip_route(r->net, &q, &p);
	bool direct;

	if (err == 0) {
		/* The loopback may lead to itself. */
		direct = inet_ip_equal(p.next_hop, to->gateway) &&
			 (!p.is_local || (to->dev == p.dev && inet_ip_is_v4(to->gateway)));
		if (to->dev == NULL)
			to->dev = p.dev;
		ip_path_drop(&p);
		if (direct)
			return 0;
	}
	if (err != -EINVAL)
		err = inet_ip_is_v4(to->gateway) ? -ENETUNREACH : -EHOSTUNREACH;
	return netlink_refuse(r, err, "Nexthop has invalid gateway", r->attrs[RTA_GATEWAY]);
}

static int check_new(struct netlink_request *r, struct route *to)
{
	struct rtmsg t;
	int err;

	netlink_read_header(r, &t, sizeof(t));
	if (!inet_ip_is_v4(to->prefix) && to->metric == 0)
		to->metric = METRIC6;
	if (leads_nowhere(to)) {
		to->dev = NULL;
		return 0;
	}
	if (to->type != RTN_UNICAST)
		return netlink_refuse(r, -EOPNOTSUPP, "Routes of this type cannot be added", NULL);
	if (inet_ip_is_any(to->gateway) && to->dev == NULL)
		return netlink_refuse(r, -ENODEV, "Device is not given", NULL);
	if (to->dev != NULL && (READ_ONCE(to->dev->flags) & NETDEV_IS_UP) == 0)
		return netlink_refuse(r, -ENETDOWN, "Device for nexthop is not up", NULL);
	if (!inet_ip_is_any(to->prefer_from) && !net_address_is_ours(r->net, to->prefer_from, 0))
		return netlink_refuse(r, -EINVAL, "Invalid prefsrc address", r->attrs[RTA_PREFSRC]);
	if (inet_ip_is_any(to->gateway) || (t.rtm_flags & RTNH_F_ONLINK) != 0)
		return 0;
	err = resolve_gateway(r, to);
	return err;
}

/* Does what a request says fit the route? What it does not say fits. */
static bool is_meant(const struct route *r, const struct route *like)
{
	return r->prefix_bits == like->prefix_bits && inet_ip_equal(r->prefix, like->prefix) &&
	       (like->dev == NULL || r->dev == like->dev) &&
	       (like->metric == 0 || r->metric == like->metric) &&
	       (like->type == RTN_UNSPEC || r->type == like->type) &&
	       (like->protocol == RTPROT_UNSPEC || r->protocol == like->protocol) &&
	       (inet_ip_is_any(like->gateway) || inet_ip_equal(r->gateway, like->gateway)) &&
	       (inet_ip_is_any(like->prefer_from) ||
		inet_ip_equal(r->prefer_from, like->prefer_from));
}

/* The first that fits, as it is now. */
static bool find(struct net *net, const struct route *like, struct route *out)
{
	struct route *r;

	scoped_spin(&net->lock);
	list_foreach(&net->routes, r, link) {
		if (is_meant(r, like)) {
			*out = *r;
			return true;
		}
	}
	return false;
}

/* Linux has one route for a prefix and metric, of IPv6 one for each next hop too. */
static bool find_rival(struct net *net, const struct route *to, struct route *old)
{
	struct route like = *to;

	like.type = like.protocol = 0;
	memset(like.prefer_from, 0, sizeof(like.prefer_from));
	if (inet_ip_is_v4(to->prefix)) {
		like.dev = NULL;
		memset(like.gateway, 0, sizeof(like.gateway));
	}
	return find(net, &like, old) && old->metric == to->metric;
}

static int new_route(struct netlink_request *r)
{
	unsigned how = r->header->nlmsg_flags;
	struct route to, old;
	bool has_old;
	int err = read_route(r, &to);

	if (err == 0)
		err = check_new(r, &to);
	if (err != 0)
		return err;
	has_old = find_rival(r->net, &to, &old);
	if (has_old && ((how & NLM_F_EXCL) != 0 || (how & NLM_F_REPLACE) == 0))
		return -EEXIST;
	if (!has_old && (how & NLM_F_CREATE) == 0)
		return -ENOENT;
	if (has_old)
		IGNORE_RESULT(route_remove(r->net, &old)); /* it may have gone meanwhile */
	return route_add(r->net, &to, true);
}

static int delete_route(struct netlink_request *r)
{
	struct route like, found;
	int err = read_route(r, &like);

	if (err != 0)
		return err;
	return find(r->net, &like, &found) ? route_remove(r->net, &found) : -ESRCH;
}

#define ROW(type, one, all) \
	{ \
		type, sizeof(struct rtmsg), RTNETLINK_RULES(route_rules), one, all \
	}

const struct rtnetlink_row rtnetlink_routes[] = {
	ROW(RTM_GETROUTE, get_route, dump_routes),
	ROW(RTM_NEWROUTE, new_route, NULL),
	ROW(RTM_DELROUTE, delete_route, NULL),
	{ 0 },
};
