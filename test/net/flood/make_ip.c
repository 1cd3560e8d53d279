/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of packets that never become whole, or tiny ones (RFC 791, RFC 8200 §4.5); echoes;
 * errors that quote what was not sent (RFC 792, RFC 4443); datagrams for nobody and for one who
 * does not read.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "test/net/flood/flood.h"

#define NEXT_FRAGMENT 44u

/* One piece: at so many bytes, multiples of eight; more follow, if it says so. */
static void put_piece(struct packet *p, unsigned id, unsigned offset, bool more, unsigned len)
{
	packet_ip(p, target.from, NULL, target.v6 ? NEXT_FRAGMENT : IPPROTO_UDP);
	if (target.v6) {
		packet_put16(p, IPPROTO_UDP << 8);
		packet_put16(p, offset | more);
		packet_put32(p, id);
	} else {
		p->bytes[p->network + 4] = (uint8_t)(id >> 8);
		p->bytes[p->network + 5] = (uint8_t)id;
		p->bytes[p->network + 6] = (uint8_t)((more ? 0x20 : 0) | offset >> 11);
		p->bytes[p->network + 7] = (uint8_t)(offset >> 3);
	}
	packet_noise(p, len);
	packet_end_ip(p);
}

/* The first of a packet whose others never come. */
static void make_first(struct packet *p)
{
	put_piece(p, any(), 0, true, 8 + below(180) * 8);
}

/* A few packets, by thousands of pieces in any order, which overlap at times. */
static void make_tiny(struct packet *p)
{
	put_piece(p, below(16), below(8000) * 8, below(64) != 0, below(20) == 0 ? 16 : 8);
}

static void make_echo(struct packet *p)
{
	unsigned protocol = target.v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	packet_ip(p, below(2) == 0 ? target.from : NULL, NULL, protocol);
	packet_put16(p, target.v6 ? 128u << 8 : 8u << 8);
	packet_put16(p, 0);
	packet_put32(p, any());
	packet_noise(p, below(1400));
	packet_sum(p, 2, protocol);
	packet_end_ip(p);
}

/* A packet of the target's to somebody, as an error quotes it: 28 bytes of it, or 48. */
static void put_quotation(struct packet *p, const uint8_t *to)
{
	if (target.v6) {
		packet_put32(p, 0x60000000);
		packet_put32(p, 1000u << 16 | IPPROTO_TCP << 8 | 64);
		packet_put(p, target.to, 16);
		packet_put(p, to, 16);
	} else {
		packet_put32(p, 0x45000000 + 1020);
		packet_put32(p, any() & 0xffff0000);
		packet_put32(p, 64u << 24 | IPPROTO_TCP << 16);
		packet_put(p, target.to, 4);
		packet_put(p, to, 4);
	}
	packet_put16(p, target.to_port);
	packet_put16(p, target.from_port);
	packet_put32(p, any());
}

/* Of the connection there is or of one that there is not: too big, unreachable, redirected. */
static void make_error(struct packet *p)
{
	static const uint8_t codes4[][2] = { { 3, 4 }, { 3, 4 },  { 3, 1 },
					     { 3, 3 }, { 11, 0 }, { 5, 1 } };
	static const uint8_t codes6[][2] = { { 2, 0 }, { 2, 0 }, { 1, 0 },
					     { 1, 4 }, { 3, 0 }, { 4, 1 } };
	unsigned protocol = target.v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	const uint8_t *code = target.v6 ? codes6[below(6)] : codes4[below(6)];
	uint8_t to[16];

	packet_make_up(to);
	packet_ip(p, target.from, NULL, protocol);
	packet_put(p, code, 2);
	packet_put16(p, 0);
	packet_put32(p, below(9000)); /* an MTU, where there is one */
	put_quotation(p, below(2) == 0 ? target.from : to);
	packet_sum(p, 2, protocol);
	packet_end_ip(p);
}

static void put_datagram(struct packet *p, unsigned port, unsigned len)
{
	packet_ip(p, below(2) == 0 ? target.from : NULL, NULL, IPPROTO_UDP);
	packet_put16(p, 1024 + below(60000));
	packet_put16(p, port);
	packet_put16(p, 8 + len);
	packet_put16(p, 0);
	packet_noise(p, len);
	packet_sum(p, 6, IPPROTO_UDP);
	packet_end_ip(p);
}

static void make_closed(struct packet *p)
{
	put_datagram(p, 20000 + below(20000), below(600));
}

static void make_datagram(struct packet *p)
{
	put_datagram(p, target.to_port, below(1400));
}

/* Protocols and chains of headers that nobody has. */
static void make_protocol(struct packet *p)
{
	packet_ip(p, below(2) == 0 ? target.from : NULL, NULL, below(256));
	packet_noise(p, below(200));
	packet_end_ip(p);
}

const struct kind kinds_ip[] = {
	{ "first", make_first, false },       { "tiny", make_tiny, false },
	{ "echo", make_echo, false },         { "error", make_error, false },
	{ "closed", make_closed, false },     { "datagram", make_datagram, false },
	{ "protocol", make_protocol, false }, { NULL, NULL, false },
};
