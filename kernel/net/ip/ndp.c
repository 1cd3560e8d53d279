/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbour discovery (RFC 4861 §7) and the detection of duplicate addresses (RFC 4862 §5.4). The
 * messages of routers are router.c's. One timer of each interface goes on with everything whose
 * time has come: probes for addresses that are not yet known to be unique, lifetimes of addresses
 * and routes, solicitations of routers.
 *
 * An address is TENTATIVE until nobody has answered one probe for a second. There is no random
 * delay before it (§5.4.2 asks for one where many machines start at the same moment): the program
 * in the machine waits for it. A fragmented message is not heard (RFC 6980 §5).
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/rtnetlink.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "net/ip/deliver.h"
#include "net/ip/device.h"
#include "net/wire/ip.h"
#include "net/wire/nd.h"

#define NR_PROBES      1u /* RFC 4862 §5.1: DupAddrDetectTransmits */
#define PROBE_NS       NSEC_PER_SEC
#define NR_SOLICITS    3u /* RFC 4861 §10 */
#define SOLICIT_NS     (4 * NSEC_PER_SEC)
#define HOPS           255u /* nobody beyond the link can have sent it: §3.1 */
#define LINK_LOCAL_LEN 64u
#define AT_A_TIME      16u /* things that a ring of the timer does, with interrupts off */

static const uint8_t all_routers[16] = { 0xff, 0x02, [15] = 2 };

void ndp_solicited_group(const uint8_t ip[16], uint8_t group[16])
{
	static const uint8_t prefix[16] = { 0xff, 0x02, [11] = 1, [12] = 0xff };

	memcpy(group, prefix, 13);
	memcpy(group + 13, ip + 13, 3);
}

/* ---- out ---- */

static void put_mac(struct netbuf *b, const struct netdev *d, enum nd_option_type type)
{
	struct nd_mac *o = netbuf_put(b, sizeof(*o));

	o->option = (struct nd_option){ .type = (uint8_t)type, .len = 1 };
	memcpy(o->mac, d->mac, sizeof(o->mac));
}

static void send(struct netdev *d, struct netbuf *b, const uint8_t from[16], const uint8_t to[16])
{
	struct ip_header_values v = {
		.from = from,
		.to = to,
		.protocol = IPPROTO_ICMPV6,
		.hops = HOPS,
		.no_echo = true,
	};

	icmp6_send_on_link(d, b, &v);
}

/* from any: a probe, which must not carry our link address (RFC 4861 §4.3). */
static void solicit(struct netdev *d, const uint8_t ip[16], const uint8_t from[16],
		    const uint8_t to[16])
{
	struct netbuf *b = netbuf_new(sizeof(struct nd_neighbour) + sizeof(struct nd_mac));
	struct nd_neighbour *m;

	if (b == NULL)
		return;
	m = netbuf_put(b, sizeof(*m));
	*m = (struct nd_neighbour){ .icmp.type = ICMP6_NEIGHBOUR_SOLICIT };
	memcpy(m->target, ip, sizeof(m->target));
	if (!inet_ip_is_any(from))
		put_mac(b, d, ND_SOURCE_MAC);
	send(d, b, from, to);
}

void ndp_ask(struct netdev *d, const uint8_t ip[16], bool everybody)
{
	uint8_t from[16], group[16];
	bool found;

	spin_lock(&d->net->lock);
	found = source_choose_locked(d->net, d, ip, 0, from);
	spin_unlock(&d->net->lock);
	if (!found) /* an unspecified one would be taken for a probe */
		return;
	ndp_solicited_group(ip, group);
	solicit(d, ip, from, everybody ? group : ip);
}

static void probe(struct netdev *d, const uint8_t ip[16])
{
	uint8_t group[16];

	ndp_solicited_group(ip, group);
	solicit(d, ip, inet_any6, group);
}

/* §7.2.4; to any: everybody is told. */
static void advertise(struct netdev *d, const uint8_t ip[16], const uint8_t to[16])
{
	struct netbuf *b = netbuf_new(sizeof(struct nd_neighbour) + sizeof(struct nd_mac));
	bool one = !inet_ip_is_any(to);
	struct nd_neighbour *m;

	if (b == NULL)
		return;
	m = netbuf_put(b, sizeof(*m));
	*m = (struct nd_neighbour){
		.icmp.type = ICMP6_NEIGHBOUR_ADVERT,
		.icmp.word = be32_of(ND_OVERRIDE | (one ? ND_SOLICITED : 0)),
	};
	memcpy(m->target, ip, sizeof(m->target));
	put_mac(b, d, ND_TARGET_MAC);
	send(d, b, ip, one ? to : inet_all_nodes6);
}

static void solicit_routers(struct netdev *d)
{
	struct netbuf *b = netbuf_new(sizeof(struct icmp_header) + sizeof(struct nd_mac));
	uint8_t from[16];
	bool found;

	if (b == NULL)
		return;
	spin_lock(&d->net->lock);
	found = source_choose_locked(d->net, d, all_routers, 0, from);
	spin_unlock(&d->net->lock);
	*(struct icmp_header *)netbuf_put(b, sizeof(struct icmp_header)) =
		(struct icmp_header){ .type = ICMP6_ROUTER_SOLICIT };
	if (found)
		put_mac(b, d, ND_SOURCE_MAC);
	send(d, b, found ? from : inet_any6, all_routers);
}

/* ---- in ---- */

/* One of d's that is looked for, with its flags; false: it is not d's. */
static bool find_address(struct netdev *d, const uint8_t ip[16], unsigned *flags)
{
	struct net_address *a;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		if (inet_ip_equal(a->ip, ip)) {
			*flags = a->flags;
			return true;
		}
	}
	return false;
}

static void mark_duplicate(struct netdev *d, const uint8_t ip[16])
{
	struct net_address *a;

	spin_lock(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		if (inet_ip_equal(a->ip, ip) && (a->flags & NET_ADDRESS_TENTATIVE) != 0)
			a->flags |= NET_ADDRESS_DUPLICATE;
	}
	spin_unlock(&d->net->lock);
	net_changed(d->net, NET_ADDRESS);
}

const uint8_t *nd_find_option(const uint8_t *at, unsigned len, unsigned type, unsigned least)
{
	const uint8_t *found = NULL;

	while (len >= sizeof(struct nd_option)) {
		unsigned size = at[1] * 8u;

		if (size == 0 || size > len)
			return NULL;
		if (at[0] == type && size >= least && found == NULL)
			found = at;
		at += size;
		len -= size;
	}
	return found;
}

bool nd_are_options_sound(const uint8_t *at, unsigned len)
{
	while (len > 0) {
		unsigned size = len < sizeof(struct nd_option) ? 0 : at[1] * 8u;

		if (size == 0 || size > len)
			return false;
		at += size;
		len -= size;
	}
	return true;
}

/* A message with its options. */
struct message {
	const struct ip_info *info;
	const struct nd_neighbour *head;
	const uint8_t *options;
	unsigned options_len;
};

static const uint8_t *mac_of(const struct message *m, enum nd_option_type type)
{
	const struct nd_mac *o = (const void *)nd_find_option(m->options, m->options_len, type,
							      sizeof(struct nd_mac));

	return o == NULL || (o->mac[0] & 1) != 0 ? NULL : o->mac;
}

/* RFC 4862 §5.4.3, RFC 4861 §7.2.3 */
static void take_solicit(struct netdev *d, const struct message *m)
{
	bool is_probe = inet_ip_is_any(m->info->from);
	const uint8_t *mac = mac_of(m, ND_SOURCE_MAC);
	unsigned flags;

	if (is_probe && (mac != NULL || !inet_ip_is_multicast(m->info->to)))
		return;
	if (!find_address(d, m->head->target, &flags) || (flags & NET_ADDRESS_DUPLICATE) != 0)
		return;
	if ((flags & NET_ADDRESS_TENTATIVE) != 0) {
		if (is_probe) /* somebody else wants it at the same moment */
			mark_duplicate(d, m->head->target);
		return;
	}
	if (mac != NULL)
		neighbour_learn(d, m->info->from, mac, NEIGHBOUR_CREATE | NEIGHBOUR_OVERRIDE);
	advertise(d, m->head->target, m->info->from);
}

/* RFC 4861 §7.2.5, RFC 4862 §5.4.4 */
static void take_advert(struct netdev *d, const struct message *m)
{
	uint32_t word = be32_get(m->head->icmp.word);
	unsigned flags, news;

	if ((word & ND_SOLICITED) != 0 && inet_ip_is_multicast(m->info->to))
		return;
	if (find_address(d, m->head->target, &flags)) {
		if ((flags & NET_ADDRESS_TENTATIVE) != 0)
			mark_duplicate(d, m->head->target);
		return;
	}
	news = (word & ND_IS_ROUTER) != 0 ? NEIGHBOUR_ROUTER : NEIGHBOUR_HOST;
	if ((word & ND_SOLICITED) != 0)
		news |= NEIGHBOUR_SOLICITED;
	if ((word & ND_OVERRIDE) != 0)
		news |= NEIGHBOUR_OVERRIDE;
	neighbour_learn(d, m->head->target, mac_of(m, ND_TARGET_MAC), news);
}

static void take_neighbour(struct netdev *d, struct netbuf *b)
{
	struct message m = { .info = netbuf_notes(b, struct ip_info), .head = (void *)b->data };

	if (b->len < sizeof(*m.head) || inet_ip_is_multicast(m.head->target) ||
	    inet_ip_is_v4(m.head->target))
		return;
	m.options = (const uint8_t *)(m.head + 1);
	m.options_len = b->len - (unsigned)sizeof(*m.head);
	if (!nd_are_options_sound(m.options, m.options_len))
		return;
	if (m.head->icmp.type == ICMP6_NEIGHBOUR_SOLICIT)
		take_solicit(d, &m);
	else
		take_advert(d, &m);
}

void ndp_input(struct net *net, struct netbuf *b)
{
	const struct ip_info *info = netbuf_notes(b, struct ip_info);
	const struct icmp_header *h = (const void *)b->data;
	bool on_ethernet = (b->dev->features & (NETDEV_LOOPBACK | NETDEV_POINTTOPOINT)) == 0;

	if (on_ethernet && info->hops == HOPS && h->code == 0 && info->max_fragment == 0) {
		bool is_router = h->type == ICMP6_ROUTER_ADVERT;

		b = netbuf_linear(b);
		if (b != NULL && is_router)
			ndp_router_input(b->dev, b);
		else if (b != NULL)
			take_neighbour(b->dev, b);
	}
	netbuf_free(b);
}

/* ---- time ---- */

/* What the timer has found to do. */
enum due { DUE_NOTHING, DUE_PROBE, DUE_UNIQUE, DUE_SOLICIT };

/* net->lock is held. */
static bool is_probed(const struct net_address *a)
{
	const unsigned both = NET_ADDRESS_TENTATIVE | NET_ADDRESS_DUPLICATE;

	return (a->flags & both) == NET_ADDRESS_TENTATIVE;
}

static enum due look_at_address(struct net_address *a, nsec_t now)
{
	if (!is_probed(a) || a->probe_at > now)
		return DUE_NOTHING;
	if (a->nr_probes == NR_PROBES) {
		a->flags &= ~(unsigned)NET_ADDRESS_TENTATIVE;
		a->probe_at = NSEC_NEVER;
		return DUE_UNIQUE;
	}
	a->nr_probes++;
	a->probe_at = now + PROBE_NS;
	return DUE_PROBE;
}

static enum due look_at_routers(struct ip_device *i, nsec_t now)
{
	if (i->solicit_at > now)
		return DUE_NOTHING;
	i->nr_solicits++;
	i->solicit_at = i->nr_solicits == NR_SOLICITS ? NSEC_NEVER : now + SOLICIT_NS;
	return DUE_SOLICIT;
}

/* One thing whose time has come. */
static enum due find_due(struct ip_device *i, nsec_t now, uint8_t ip[16])
{
	struct net_address *a;
	enum due due;

	scoped_spin(&i->dev->net->lock);
	if (!i->is_running)
		return DUE_NOTHING;
	list_foreach(&i->dev->addresses, a, link) {
		due = look_at_address(a, now);
		memcpy(ip, a->ip, 16);
		if (due != DUE_NOTHING)
			return due;
	}
	return look_at_routers(i, now);
}

/* §4.2 of RFC 4861: a solicitation has an address to be answered at; the first one is. */
static void became_unique(struct ip_device *i, const uint8_t ip[16])
{
	spin_lock(&i->dev->net->lock);
	if (inet_ip_is_link_local(ip) && i->nr_solicits == 0 &&
	    !ip_device_has_mode(i->dev, NET_DEVICE_NO_ROUTERS))
		i->solicit_at = clock_monotonic();
	spin_unlock(&i->dev->net->lock);
	net_changed(i->dev->net, NET_ADDRESS);
	net_address_tell(i->dev, ip);
}

static void act(struct ip_device *i, enum due due, const uint8_t ip[16])
{
	switch (due) {
	case DUE_PROBE:
		probe(i->dev, ip);
		break;
	case DUE_UNIQUE:
		became_unique(i, ip);
		break;
	case DUE_SOLICIT:
		solicit_routers(i->dev);
		break;
	case DUE_NOTHING:
		break;
	}
}

/* When there is something to do next; net->lock is held. */
static nsec_t next_due(struct ip_device *i)
{
	nsec_t next = i->is_running ? i->solicit_at : NSEC_NEVER;
	struct net_address *a;
	struct route *r;

	list_foreach(&i->dev->addresses, a, link) {
		if (i->is_running && is_probed(a))
			next = min(next, a->probe_at);
		if ((a->flags & NET_ADDRESS_DEPRECATED) == 0)
			next = min(next, a->preferred_until);
		next = min(next, a->valid_until);
	}
	list_foreach(&i->dev->net->routes, r, link) {
		if (r->dev == i->dev)
			next = min(next, r->valid_until);
	}
	return next;
}

static void arm(struct ip_device *i, nsec_t not_before)
{
	nsec_t next;

	scoped_spin(&i->dev->net->lock);
	next = next_due(i);
	if (next != NSEC_NEVER)
		timer_arm(&i->ndp_timer, max(next, not_before));
}

static void ring(struct timer *t)
{
	struct ip_device *i = container_of(t, struct ip_device, ndp_timer);
	nsec_t now = clock_monotonic();
	uint8_t ip[16];
	enum due due;

	net_address_expire(i->dev, now);
	route_expire(i->dev, now);
	for (unsigned n = 0; n < AT_A_TIME && (due = find_due(i, now, ip)) != DUE_NOTHING; n++)
		act(i, due, ip);
	arm(i, now + 1);
	net_run();
}

void ndp_watch(struct netdev *d)
{
	if (ip_device_of(d) != NULL)
		arm(ip_device_of(d), 0);
}

/* ---- begin and end ---- */

void ndp_init(struct ip_device *i)
{
	timer_init(&i->ndp_timer, ring);
	i->solicit_at = NSEC_NEVER;
}

/* RFC 4291 appendix A: the identifier from the link address. */
void ndp_make_address(const struct netdev *d, const uint8_t prefix[8], uint8_t ip[16])
{
	const uint8_t *mac = d->mac;
	uint8_t id[8] = { mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5] };

	memcpy(ip, prefix, 8);
	memcpy(ip + 8, id, 8);
}

void ndp_start(struct ip_device *i)
{
	static const uint8_t prefix[8] = { 0xfe, 0x80 };
	struct net_address_values v = {
		.prefix_bits = LINK_LOCAL_LEN,
		.preferred_until = NSEC_NEVER,
		.valid_until = NSEC_NEVER,
	};
	int err;

	if (READ_ONCE(i->dev->mtu) < IP6_MTU_MIN || ip_device_has_mode(i->dev, NET_DEVICE_NO_IP6))
		return;
	ndp_make_address(i->dev, prefix, v.ip);
	spin_lock(&i->dev->net->lock);
	i->nr_solicits = 0;
	spin_unlock(&i->dev->net->lock);
	err = net_address_add(i->dev, &v);
	/* The carrier was away, and other routers may be there now; or it is not probed for. */
	if (err == -EEXIST || (err == 0 && ip_device_has_mode(i->dev, NET_DEVICE_NO_PROBES)))
		became_unique(i, v.ip);
	/* Without memory there is no IPv6 on that link. */
	ndp_watch(i->dev);
}

void ndp_stop(struct ip_device *i)
{
	net_address_forget_v6(i->dev);
	spin_lock(&i->dev->net->lock);
	i->solicit_at = NSEC_NEVER;
	i->mtu6 = 0;
	i->router_flags = 0;
	spin_unlock(&i->dev->net->lock);
}
