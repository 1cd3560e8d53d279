/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What routers advertise (RFC 4861 §6.3.4): default routes, prefixes of the link, addresses that
 * are made of them (RFC 4862 §5.5.3, with the identifier from the link address, as Linux does by
 * default), the link's MTU, and name servers (RFC 8106 §5). Bounded: so many addresses and routes
 * of an interface come from routers.
 */
#include <linux/rtnetlink.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "net/ip/advice.h"
#include "net/ip/device.h"
#include "net/wire/ip.h"
#include "net/wire/nd.h"

#define ADDRESSES_MAX  16u /* as Linux's max_addresses */
#define ROUTES_MAX     32u
#define METRIC_DEFAULT 1024u /* as Linux's */
#define METRIC_PREFIX  256u
#define FOR_EVER       0xffffffffu
#define TWO_HOURS      (7200 * NSEC_PER_SEC)
#define PREFIX_BITS    64u

static nsec_t until(uint32_t seconds)
{
	return seconds == FOR_EVER ? NSEC_NEVER : clock_monotonic() + seconds * NSEC_PER_SEC;
}

/* ---- routes ---- */

static bool is_room_for_route(struct netdev *d)
{
	unsigned nr = 0;
	struct route *r;

	scoped_spin(&d->net->lock);
	list_foreach(&d->net->routes, r, link)
		nr += r->dev == d && r->valid_until != NSEC_NEVER;
	return nr < ROUTES_MAX;
}

static void set_route(struct netdev *d, struct route *r, uint32_t seconds)
{
	r->dev = d;
	r->type = RTN_UNICAST;
	r->table = RT_TABLE_MAIN;
	r->scope = RT_SCOPE_UNIVERSE;
	r->valid_until = until(seconds);
	if (seconds == 0) {
		route_remove(d->net, r);
		return;
	}
	if (is_room_for_route(d) && route_add(d->net, r, true) != 0)
		return; /* no memory now; it is advertised again */
}

static void take_default(struct netdev *d, const uint8_t router[16], unsigned seconds)
{
	struct route r = { .metric = METRIC_DEFAULT, .protocol = RTPROT_RA };

	memcpy(r.gateway, router, sizeof(r.gateway));
	set_route(d, &r, seconds);
}

static void take_link_prefix(struct netdev *d, const struct nd_prefix *p)
{
	struct route r = {
		.metric = METRIC_PREFIX,
		.protocol = RTPROT_KERNEL,
		.prefix_bits = p->bits,
	};

	inet_ip_mask(r.prefix, p->prefix, p->bits);
	set_route(d, &r, be32_get(p->valid));
}

/* ---- addresses ---- */

/* RFC 4862 §5.5.3 e: what the address has left, given what was advertised. */
static nsec_t valid_from_now_on(const struct net_address *a, uint32_t seconds)
{
	nsec_t advertised = until(seconds), least = clock_monotonic() + TWO_HOURS;

	if (advertised > least || advertised > a->valid_until)
		return advertised;
	/* Nobody who is not asked who he is makes an address go away at once. */
	return min(a->valid_until, least);
}

/* False: it is not there yet, and there is room for it. */
static bool renew(struct netdev *d, const uint8_t ip[16], const struct nd_prefix *p)
{
	struct net_address *a;
	unsigned nr = 0;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		nr += (a->flags & NET_ADDRESS_NO_ROUTE) != 0;
		if (!inet_ip_equal(a->ip, ip))
			continue;
		if ((a->flags & NET_ADDRESS_PERMANENT) != 0)
			return true;
		a->valid_until = valid_from_now_on(a, be32_get(p->valid));
		a->preferred_until = until(be32_get(p->preferred));
		if (be32_get(p->preferred) > 0)
			a->flags &= ~(unsigned)NET_ADDRESS_DEPRECATED;
		return true;
	}
	return nr >= ADDRESSES_MAX;
}

static void take_own_prefix(struct netdev *d, const struct nd_prefix *p)
{
	struct net_address_values v = {
		.prefix_bits = PREFIX_BITS,
		.flags = NET_ADDRESS_NO_ROUTE,
		.preferred_until = until(be32_get(p->preferred)),
		.valid_until = until(be32_get(p->valid)),
	};

	if (p->bits != PREFIX_BITS || be32_get(p->preferred) > be32_get(p->valid))
		return;
	ndp_make_address(d, p->prefix, v.ip);
	if (renew(d, v.ip, p) || be32_get(p->valid) == 0)
		return;
	if (net_address_add(d, &v) != 0)
		return; /* no memory now; it is advertised again */
}

static void take_prefix(struct netdev *d, const struct nd_prefix *p)
{
	if (p->bits > 128 || inet_ip_is_link_local(p->prefix) || inet_ip_is_multicast(p->prefix) ||
	    inet_ip_is_v4(p->prefix))
		return;
	if ((p->flags & ND_ON_LINK) != 0)
		take_link_prefix(d, p);
	if ((p->flags & ND_AUTONOMOUS) != 0)
		take_own_prefix(d, p);
}

/* ---- the rest ---- */

static void take_mtu(struct netdev *d, uint32_t mtu)
{
	struct ip_device *i = ip_device_of(d);

	if (mtu < IP6_MTU_MIN || mtu > READ_ONCE(d->mtu) || READ_ONCE(i->mtu6) == mtu)
		return;
	WRITE_ONCE(i->mtu6, mtu);
	net_changed(d->net, NET_LINK);
}

/* Servers whose lifetime is over are not among them (RFC 8106 §5.1); none at all are told too. */
static void add_servers(struct net_advice *a, const struct nd_dns *o)
{
	const uint8_t *ip = (const uint8_t *)(o + 1);
	unsigned nr = (o->option.len - 1u) / 2;

	if (be32_get(o->lifetime) == 0)
		return;
	for (; nr > 0 && a->nr_dns < ADVICE_DNS_MAX; nr--, ip += 16) {
		if (inet_ip_is_any(ip) || inet_ip_is_multicast(ip) || inet_ip_is_v4(ip))
			continue;
		memcpy(a->dns[a->nr_dns++], ip, 16);
	}
}

static void add_domains(struct net_advice *a, const struct nd_dns *o)
{
	unsigned at = sizeof(*o), len = o->option.len * 8u;

	if (be32_get(o->lifetime) == 0)
		return;
	while (at < len && advice_add_name((const uint8_t *)o, len, &at, a->search))
		;
}

static void take_option(struct netdev *d, const uint8_t *o, struct net_advice *advice)
{
	switch (o[0]) {
	case ND_PREFIX:
		if (o[1] == sizeof(struct nd_prefix) / 8)
			take_prefix(d, (const void *)o);
		break;
	case ND_MTU:
		if (o[1] == sizeof(struct nd_mtu) / 8)
			take_mtu(d, be32_get(((const struct nd_mtu *)o)->mtu));
		break;
	case ND_DNS:
		if (o[1] >= 3)
			add_servers(advice, (const void *)o);
		break;
	case ND_DNS_SEARCH:
		if (o[1] >= 2)
			add_domains(advice, (const void *)o);
		break;
	}
}

static void take_options(struct netdev *d, const uint8_t *at, unsigned len)
{
	struct net_advice advice = { .nr_dns = 0 };
	bool names = false;

	while (len > 0) {
		unsigned size = at[1] * 8u;

		take_option(d, at, &advice);
		names = names || at[0] == ND_DNS || at[0] == ND_DNS_SEARCH;
		at += size;
		len -= size;
	}
	if (names)
		net_advise(d, ADVICE_ROUTER, &advice);
}

static void stop_soliciting(struct netdev *d, unsigned flags)
{
	struct ip_device *i = ip_device_of(d);
	bool differs;

	spin_lock(&d->net->lock);
	i->solicit_at = NSEC_NEVER;
	differs = i->router_flags != flags;
	i->router_flags = flags;
	spin_unlock(&d->net->lock);
	if (differs)
		net_changed(d->net, NET_LINK);
}

void ndp_router_input(struct netdev *d, struct netbuf *b)
{
	const struct ip_info *info = netbuf_notes(b, struct ip_info);
	const struct nd_router_advert *m = (const void *)b->data;
	const uint8_t *options = (const uint8_t *)(m + 1);
	unsigned len = b->len - (unsigned)sizeof(*m);
	const struct nd_mac *mac;

	if (b->len < sizeof(*m) || !inet_ip_is_link_local(info->from) ||
	    !nd_are_options_sound(options, len) || !ip_device_runs(d) ||
	    ip_device_has_mode(d, NET_DEVICE_NO_ROUTERS))
		return;
	mac = (const void *)nd_find_option(options, len, ND_SOURCE_MAC, sizeof(*mac));
	if (mac != NULL && (mac->mac[0] & 1) == 0)
		neighbour_learn(d, info->from, mac->mac,
				NEIGHBOUR_CREATE | NEIGHBOUR_OVERRIDE | NEIGHBOUR_ROUTER);
	if (be16_get(m->lifetime) > 0)
		stop_soliciting(d, m->flags);
	take_default(d, info->from, be16_get(m->lifetime));
	take_options(d, options, len);
	ndp_watch(d);
}
