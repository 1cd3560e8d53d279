/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages about groups, by either family's rules: IGMP (RFC 3376 §4, RFC 2236 §2) goes with a
 * router alert (RFC 2113), MLD (RFC 3810 §5, RFC 2710 §3) with one in a hop-by-hop header, and both
 * no further than the link.
 */
#include <linux/in.h>
#include <linux/in6.h>

#include "lib/string.h"
#include "net/ip/group/group.h"
#include "net/wire/checksum.h"
#include "net/wire/icmp.h"
#include "net/wire/ip.h"

#define REPORT_MOST 1500u /* with its IP header */
#define IGMP_HEADER 24u   /* IPv4's with the option */
#define MLD_HEADER  48u   /* IPv6's, and the one hop by hop */

struct packet { /* in the notes of a message */
	uint8_t to[16];
	bool v4;
};

unsigned group_report_room(const struct netdev *d, bool v4)
{
	return min(READ_ONCE(d->mtu), REPORT_MOST) - (v4 ? IGMP_HEADER : MLD_HEADER);
}

static void set_destination(struct netbuf *b, const uint8_t to[16])
{
	struct packet *p = netbuf_notes(b, struct packet);

	memcpy(p->to, to, sizeof(p->to));
	p->v4 = inet_ip_is_v4(to);
}

struct netbuf *group_report_new(bool v4)
{
	static const uint8_t routers4[16] = { [10] = 0xff, [11] = 0xff, 224, 0, 0, 22 };
	static const uint8_t routers6[16] = { 0xff, 0x02, [15] = 0x16 };
	struct netbuf *b = netbuf_new(REPORT_MOST);

	if (b == NULL)
		return NULL;
	*(struct group_report *)netbuf_put(b, sizeof(struct group_report)) = (struct group_report){
		.type = v4 ? IGMP_REPORT_3 : ICMP6_GROUP_REPORT_2,
	};
	set_destination(b, v4 ? routers4 : routers6);
	return b;
}

static struct netbuf *old_igmp(const struct net_group *g, enum group_version version)
{
	static const uint8_t routers[16] = { [10] = 0xff, [11] = 0xff, 224, 0, 0, 2 };
	struct igmp_message m = { .type = IGMP_LEAVE };
	struct netbuf *b = netbuf_new(sizeof(m));

	if (b == NULL)
		return NULL;
	if (group_has_users(g))
		m.type = version == GROUP_VERSION_1 ? IGMP_REPORT_1 : IGMP_REPORT_2;
	memcpy(m.group, g->ip + IP_V4_AT, sizeof(m.group));
	memcpy(netbuf_put(b, sizeof(m)), &m, sizeof(m));
	set_destination(b, group_has_users(g) ? g->ip : routers);
	return b;
}

static struct netbuf *old_mld(const struct net_group *g)
{
	static const uint8_t routers[16] = { 0xff, 0x02, [15] = 2 };
	struct mld_message m = { .type = ICMP6_GROUP_DONE_1 };
	struct netbuf *b = netbuf_new(sizeof(m));

	if (b == NULL)
		return NULL;
	if (group_has_users(g))
		m.type = ICMP6_GROUP_REPORT_1;
	memcpy(m.group, g->ip, sizeof(m.group));
	memcpy(netbuf_put(b, sizeof(m)), &m, sizeof(m));
	set_destination(b, group_has_users(g) ? g->ip : routers);
	return b;
}

struct netbuf *group_old_message(const struct net_group *g, enum group_version version)
{
	return inet_ip_is_v4(g->ip) ? old_igmp(g, version) : old_mld(g);
}

static void send_igmp(struct netdev *d, struct netbuf *b, const uint8_t to[16])
{
	static const uint8_t router_alert[4] = { 0x94, 4 };
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

void group_send(struct netdev *d, struct netbuf *b)
{
	struct packet p = *netbuf_notes(b, struct packet);

	if (p.v4)
		send_igmp(d, b, p.to);
	else
		send_mld(d, b, p.to);
}
