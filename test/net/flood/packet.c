/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets, byte by byte: Ethernet, IPv4 (RFC 791) or IPv6 (RFC 8200), checksums (RFC 1071). */
#include <netinet/in.h>
#include <string.h>

#include "test/net/flood/flood.h"

#define ETHERNET_IP4 0x0800u
#define ETHERNET_IP6 0x86ddu
#define IP4_HEADER   20u
#define IP6_HEADER   40u
#define ETHERNET_MIN 60u

void packet_put(struct packet *p, const void *bytes, unsigned len)
{
	if (len > FRAME_MAX - p->len)
		len = FRAME_MAX - p->len;
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

void packet_put8(struct packet *p, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	packet_put(p, &byte, 1);
}

void packet_put16(struct packet *p, unsigned v)
{
	packet_put8(p, v >> 8);
	packet_put8(p, v);
}

void packet_put32(struct packet *p, uint32_t v)
{
	packet_put16(p, v >> 16);
	packet_put16(p, v);
}

void packet_zero(struct packet *p, unsigned len)
{
	while (len-- > 0)
		packet_put8(p, 0);
}

void packet_noise(struct packet *p, unsigned len)
{
	while (len-- > 0)
		packet_put8(p, any());
}

void packet_link(struct packet *p, const uint8_t to[6], unsigned type)
{
	p->len = 0;
	packet_put(p, to, 6);
	packet_put(p, target.our_mac, 6);
	packet_put16(p, type);
	p->network = p->transport = p->len;
	p->v6 = type == ETHERNET_IP6;
}

/* RFC 2544's addresses for such tests, and RFC 3849's. */
void packet_make_up(uint8_t ip[16])
{
	static const uint8_t net6[8] = { 0x20, 0x01, 0x0d, 0xb8 };
	uint32_t low = any(), high = any();

	memset(ip, 0, 16);
	if (target.v6) {
		memcpy(ip, net6, sizeof(net6));
		memcpy(ip + 8, &high, 4);
		memcpy(ip + 12, &low, 4);
		return;
	}
	memcpy(ip, &low, 4);
	ip[0] = 198;
	ip[1] = (uint8_t)(18 + (ip[1] & 1));
}

void packet_neighbour(uint8_t ip[16])
{
	uint32_t low = any(), high = any();

	memcpy(ip, target.to, 16);
	if (target.v6) {
		/* Of a thousand, many times, or of all that there can be, once. */
		high = (high & 1) != 0 ? 0 : high;
		low = high == 0 ? 1000 + low % 1000 : low;
		memcpy(ip + 8, &high, 4);
		memcpy(ip + 12, &low, 4);
	} else {
		ip[3] = (uint8_t)(3 + low % 250);
	}
}

static void put_ip4(struct packet *p, const uint8_t *from, const uint8_t *to, unsigned protocol)
{
	packet_put16(p, 0x4500);
	packet_put16(p, 0);
	packet_put16(p, any());
	packet_put16(p, 0);
	packet_put16(p, 64u << 8 | protocol);
	packet_put16(p, 0);
	packet_put(p, from, 4);
	packet_put(p, to, 4);
}

static void put_ip6(struct packet *p, const uint8_t *from, const uint8_t *to, unsigned protocol)
{
	packet_put32(p, 0x60000000);
	packet_put16(p, 0);
	packet_put16(p, protocol << 8 | (protocol == IPPROTO_ICMPV6 ? 255 : 64));
	packet_put(p, from, 16);
	packet_put(p, to, 16);
}

void packet_ip(struct packet *p, const uint8_t *from, const uint8_t *to, unsigned protocol)
{
	uint8_t made_up[16];

	if (from == NULL) {
		packet_make_up(made_up);
		from = made_up;
	}
	if (to == NULL)
		to = target.to;
	packet_link(p, target.mac, target.v6 ? ETHERNET_IP6 : ETHERNET_IP4);
	if (target.v6)
		put_ip6(p, from, to, protocol);
	else
		put_ip4(p, from, to, protocol);
	p->transport = p->len;
}

static uint32_t sum_of(const uint8_t *at, unsigned len)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < len; i += 2)
		sum += (uint32_t)at[i] << 8 | (i + 1 < len ? at[i + 1] : 0);
	return sum;
}

static void store_sum(uint8_t *at, uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

void packet_end_ip(struct packet *p)
{
	uint8_t *h = p->bytes + p->network;
	unsigned len = p->len - p->network;

	if (p->v6) {
		h[4] = (uint8_t)((len - IP6_HEADER) >> 8);
		h[5] = (uint8_t)(len - IP6_HEADER);
	} else {
		h[2] = (uint8_t)(len >> 8);
		h[3] = (uint8_t)len;
		h[10] = h[11] = 0;
		store_sum(h + 10, sum_of(h, (h[0] & 15) * 4u));
	}
	if (p->len < ETHERNET_MIN)
		packet_zero(p, ETHERNET_MIN - p->len);
}

void packet_sum(struct packet *p, unsigned at, unsigned protocol)
{
	const uint8_t *h = p->bytes + p->network;
	unsigned len = p->len - p->transport;
	uint32_t sum = 0;

	if (p->v6)
		sum = sum_of(h + 8, 32) + protocol + len;
	else if (protocol != IPPROTO_ICMP && protocol != IPPROTO_IGMP)
		sum = sum_of(h + 12, 8) + protocol + len;
	memset(p->bytes + p->transport + at, 0, 2);
	store_sum(p->bytes + p->transport + at, sum + sum_of(p->bytes + p->transport, len));
}
