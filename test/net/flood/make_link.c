/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the link's neighbours say: ARP (RFC 826), solicitations and advertisements of neighbours
 * and of routers (RFC 4861), queries about groups (RFC 3376, RFC 3810); all of them made up.
 * Frames of noise.
 */
#include <netinet/in.h>
#include <string.h>

#include "test/net/flood/flood.h"

#define ETHERNET_ARP 0x0806u

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
static const uint8_t all_hosts[16] = { 224, 0, 0, 1 };

static void put_mac(struct packet *p)
{
	packet_put8(p, 2); /* of a station, locally given */
	packet_put8(p, 0xaa);
	packet_put32(p, any());
}

/* A question or an answer of a neighbour that there is not. */
static void make_arp(struct packet *p)
{
	bool answers = below(2) == 0;
	uint8_t from[16];

	packet_neighbour(from);
	packet_link(p, answers ? target.mac : everybody, ETHERNET_ARP);
	packet_put32(p, 0x00010800);
	packet_put32(p, 0x06040001 + answers);
	put_mac(p);
	packet_put(p, from, 4);
	packet_put(p, target.mac, 6);
	packet_put(p, target.to, 4);
	packet_zero(p, 60 - p->len);
}

static void from_link(uint8_t ip[16])
{
	uint32_t low = any(), high = any();

	memset(ip, 0, 16);
	ip[0] = 0xfe;
	ip[1] = 0x80;
	memcpy(ip + 8, &high, 4);
	memcpy(ip + 12, &low, 4);
}

static void begin_icmp6(struct packet *p, const uint8_t *from, const uint8_t *to, unsigned type)
{
	packet_ip(p, from, to, IPPROTO_ICMPV6);
	if (to == all_nodes)
		memcpy(p->bytes, all_nodes_mac, 6);
	packet_put16(p, type << 8);
	packet_put16(p, 0);
}

static void end_icmp6(struct packet *p)
{
	packet_sum(p, 2, IPPROTO_ICMPV6);
	packet_end_ip(p);
}

static void make_neighbour6(struct packet *p)
{
	uint8_t from[16];
	bool asks = below(2) == 0;

	packet_neighbour(from);
	begin_icmp6(p, from, target.to, asks ? 135 : 136);
	packet_put32(p, asks ? 0 : 0x60000000);
	packet_put(p, asks ? target.to : from, 16);
	packet_put16(p, asks ? 0x0101 : 0x0201);
	put_mac(p);
	end_icmp6(p);
}

/* Routers by the thousand, each with a net of its own, a route and a server of names. */
static void make_router(struct packet *p)
{
	uint8_t from[16], net[16];

	from_link(from);
	packet_make_up(net);
	begin_icmp6(p, from, all_nodes, 134);
	packet_put32(p, 0x40000708); /* hops, lifetime */
	packet_zero(p, 8);
	packet_put16(p, 0x0101);
	put_mac(p);
	packet_put32(p, 0x030440c0); /* a net of 64 bits, on the link, for addresses */
	packet_put32(p, 86400);
	packet_put32(p, 14400);
	packet_zero(p, 4);
	packet_put(p, net, 4);
	packet_put32(p, any());
	packet_zero(p, 8);
	packet_put32(p, 0x18032000); /* a route: RFC 4191 §2.3 */
	packet_put32(p, 1800);
	packet_put(p, net, 4);
	packet_put32(p, any());
	packet_zero(p, 8);
	packet_put32(p, 0x19030000); /* a server of names: RFC 8106 */
	packet_put32(p, 1800);
	packet_put(p, net, 16);
	end_icmp6(p);
}

/* A query about a group, or all, with any delay. */
static void make_query(struct packet *p)
{
	if (target.v6) {
		uint8_t from[16];

		from_link(from);
		begin_icmp6(p, from, all_nodes, 130);
		packet_put32(p, below(65536) << 16);
		packet_put16(p, below(2) == 0 ? 0 : 0xff05);
		packet_zero(p, 14);
		packet_put32(p, below(2) == 0 ? 0 : 0x027d0000);
		end_icmp6(p);
		return;
	}
	packet_ip(p, target.from, all_hosts, IPPROTO_IGMP);
	memcpy(p->bytes, "\x01\0\x5e\0\0\1", 6);
	packet_put16(p, 0x1100 | below(256));
	packet_put16(p, 0);
	packet_put32(p, below(2) == 0 ? 0 : 0xef010000 | below(65536));
	packet_sum(p, 2, IPPROTO_IGMP);
	packet_end_ip(p);
}

static void make_neighbour(struct packet *p)
{
	if (target.v6)
		make_neighbour6(p);
	else
		make_arp(p);
}

static void make_noise(struct packet *p)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x0027, 0x8863 };

	packet_link(p, below(4) == 0 ? everybody : target.mac, types[below(7)]);
	packet_noise(p, 46 + below(1400));
}

const struct kind kinds_link[] = {
	{ "neighbour", make_neighbour, false },
	{ "router", make_router, false },
	{ "query", make_query, false },
	{ "noise", make_noise, false },
	{ NULL, NULL, false },
};
