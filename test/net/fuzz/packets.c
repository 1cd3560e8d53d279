/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that nobody in his right mind sends, to a whole host: Ethernet, ARP, IPv4 and IPv6 with
 * options, extension headers and fragments, ICMP and what it quotes, neighbour and router
 * discovery, IGMP and MLD, UDP, DHCP, and TCP with programs that use it (connections.h). Nothing is
 * compared, but it must not crash, and in the end all memory is given back. The input is a list of
 * records (packets.h): what kind, how long, so many bytes. Headers in front of the bytes are made
 * right, and checksums behind them, so that what comes is looked at.
 *
 * A libFuzzer target with mutate.c; seeds.c makes inputs where there is no libFuzzer. By hand:
 *
 *	build/test-net-packets 1 1500 CORPUS
 *	make build/test-net-packets-guided && build/test-net-packets-guided -max_len=4096 CORPUS
 */
#include "test/net/fuzz/packets.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <string.h>

#include "core/panic.h"
#include "net/dhcp/dhcp4.h"
#include "net/dhcp/dhcp6.h"
#include "net/dhcp/message6.h"
#include "net/udp/engine.h"
#include "net/wire/dhcp.h"
#include "net/wire/icmp.h"
#include "net/wire/ip.h"
#include "test/net/cable.h"
#include "test/net/frame.h"
#include "test/net/fuzz/connections.h"
#include "test/net/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct host a;
static uint32_t last_transaction; /* of the DHCP client's last question */
static uint8_t last_transaction6[3];

static void received(struct udp *u, struct netbuf *b)
{
	(void)u;
	netbuf_free(b);
}

static void failed(struct udp *u, const struct ip_error *e, const struct inet_address *to)
{
	(void)u, (void)to;
	if (e->payload_len < 8 || e->error <= 0)
		panic("an error about nothing");
}

static void count(struct udp *u)
{
	(void)u;
}

static const struct udp_events events = { received, failed, count, count };

/* Sees that what is sent has sound lengths, and what the DHCP client's number is. */
static bool look(struct host *from, const uint8_t *frame, uint32_t len)
{
	const struct ip4_header *v4 = (const void *)(frame + 14);
	const struct ip6_header *v6 = (const void *)v4;

	(void)from;
	connections_look(frame, len);
	if (len < 14 || len > 14 + (a.dev.features != 0 ? 65535 : 9000))
		panic("a frame of %u bytes is sent", len);
	if (frame[12] == 8 && frame[13] == 0 && be16_get(v4->total_len) != len - 14)
		panic("an IPv4 packet of %u bytes says %u", len - 14, be16_get(v4->total_len));
	if (frame[12] == 0x86 && be16_get(v6->payload_len) != len - 54)
		panic("an IPv6 packet with %u bytes says %u", len - 54, be16_get(v6->payload_len));
	if (frame[12] == 8 && v4->protocol == IPPROTO_UDP && len >= 14 + 20 + 8 + 8)
		last_transaction = be32_get(*(const struct be32 *)(frame + 14 + 20 + 8 + 4));
	if (frame[12] == 0x86 && v6->next_header == IPPROTO_UDP && len >= 14 + 40 + 8 + 4)
		memcpy(last_transaction6, frame + 14 + 40 + 8 + 1, sizeof(last_transaction6));
	return true;
}

/* ---- kinds of records; `body` has `len` bytes ---- */

static void raw(struct frame *f, const uint8_t *body, unsigned len)
{
	frame_put(f, body, len);
}

static void ethernet(struct frame *f, const uint8_t *body, unsigned len)
{
	static const uint16_t types[] = { ETHERNET_ARP, ETHERNET_VLAN, ETHERNET_IP4, ETHERNET_IP6 };
	unsigned type = len > 0 ? body[0] : 0;

	frame_begin(f, ip_of(type & 4 ? "224.0.0.1" : "10.0.0.1"), types[type & 3]);
	frame_put(f, body + (len > 0), len - (len > 0));
}

static const uint8_t *group_or_us(unsigned which, bool v6)
{
	static const char *v4s[] = { "10.0.0.1", "224.0.0.1", "10.0.0.255", "239.1.1.1" };
	static const char *v6s[] = { "fd00::1", "ff02::1", "ff02::1:ff00:1", "fe80::ff:fe00:1" };

	return ip_of(v6 ? v6s[which & 3] : v4s[which & 3]);
}

/* body: to whom, protocol, fragment field, then what follows. */
static void ip4(struct frame *f, const uint8_t *body, unsigned len)
{
	const uint8_t *to;

	if (len < 4)
		return;
	to = group_or_us(body[0], false);
	frame_begin(f, to, ETHERNET_IP4);
	frame_put_ip4(f, ip_of("10.0.0.9"), to, body[1], len - 4);
	frame_set_fragment4(f, body[0] >> 4, (unsigned)(body[2] << 8 | body[3]));
	frame_put(f, body + 4, len - 4);
	if (body[1] == IPPROTO_ICMP || body[1] == IPPROTO_IGMP)
		frame_sum_icmp4(f, 34);
	else if (body[1] == IPPROTO_TCP && len >= 4 + 20)
		frame_sum(f, 34, 16, IPPROTO_TCP);
}

/* body: the header's options, whole words of them, in front. */
static void ip4_options(struct frame *f, const uint8_t *body, unsigned len)
{
	unsigned words = len > 0 ? body[0] % 11 : 0;
	struct ip4_header *h = (void *)(f->bytes + 14);

	if (len < 1 + words * 4)
		return;
	frame_begin(f, inet_any4, ETHERNET_IP4);
	frame_put_ip4(f, ip_of("10.0.0.9"), ip_of("10.0.0.1"), 200, len - 1);
	h->version_words = (uint8_t)(0x45 + words);
	frame_put(f, body + 1, len - 1);
	frame_sum_header(f, 20 + words * 4);
}

/* body: to whom, first next header, hops, then what follows. */
static void ip6(struct frame *f, const uint8_t *body, unsigned len)
{
	const uint8_t *to;

	if (len < 3)
		return;
	to = group_or_us(body[0], true);
	frame_begin(f, to, ETHERNET_IP6);
	frame_put_ip6(f, ip_of(body[0] & 0x10 ? "fe80::9" : "fd00::9"), to, body[1], len - 3);
	frame_set_hops(f, body[2]);
	frame_put(f, body + 3, len - 3);
}

/* body: to whom, hops, then the message. */
static void icmp6(struct frame *f, const uint8_t *body, unsigned len)
{
	const char *from;
	const uint8_t *to;

	if (len < 2 + 4)
		return;
	from = body[0] & 0x20 ? "::" : body[0] & 0x10 ? "fd00::9" : "fe80::9";
	to = group_or_us(body[0], true);
	frame_begin(f, to, ETHERNET_IP6);
	frame_put_ip6(f, ip_of(from), to, IPPROTO_ICMPV6, len - 2);
	frame_set_hops(f, body[1] & 1 ? 255 : 1);
	frame_put(f, body + 2, len - 2);
	frame_sum(f, 54, 2, IPPROTO_ICMPV6);
}

/* body: DHCP's options, of the answer to what was asked. */
static void dhcp(struct frame *f, const uint8_t *body, unsigned len)
{
	struct dhcp4_header h = { .operation = DHCP4_ANSWER,
				  .hardware_type = 1,
				  .hardware_len = 6 };
	struct udp_header udp = { .from = be16_of(67), .to = be16_of(68) };

	h.transaction = be32_of(last_transaction);
	memcpy(h.hardware, a.dev.mac, 6);
	memcpy(h.your, ip_of("10.9.0.7") + IP_V4_AT, 4);
	h.cookie = be32_of(DHCP4_COOKIE);
	memset(h.file, len > 0 ? body[0] : 0, 20);
	udp.len = be16_of((uint16_t)(sizeof(udp) + sizeof(h) + len));
	frame_begin(f, inet_any4, ETHERNET_IP4);
	frame_put_ip4(f, ip_of("10.0.0.254"), inet_broadcast4, IPPROTO_UDP, be16_get(udp.len));
	frame_put(f, &udp, sizeof(udp));
	frame_put(f, &h, sizeof(h));
	frame_put(f, body, len);
}

/* body: what an ICMP error quotes of a packet of ours: of which family, type, code. */
static void quote(struct frame *f, const uint8_t *body, unsigned len)
{
	const char *us = "fd00::1", *there = "fd00::9";
	bool v4 = len > 0 && (body[0] & 1) != 0;

	if (len < 12)
		return;
	if (v4)
		us = "10.0.0.1", there = "10.0.0.9";
	frame_begin(f, ip_of(us), v4 ? ETHERNET_IP4 : ETHERNET_IP6);
	if (v4)
		frame_put_ip4(f, ip_of(there), ip_of(us), IPPROTO_ICMP, len - 4 + 28);
	else
		frame_put_ip6(f, ip_of(there), ip_of(us), IPPROTO_ICMPV6, len - 4 + 48);
	frame_put(f, body + 1, 2); /* type and code */
	frame_put_byte(f, 0, 4);
	frame_put(f, body + 3, 1);
	frame_put_byte(f, body[0], 1);
	if (v4)
		frame_put_ip4(f, ip_of(us), ip_of(there), body[4], 100);
	else
		frame_put_ip6(f, ip_of(us), ip_of(there), body[4], 100);
	frame_put(f, body + 4, len - 4);
	if (v4)
		frame_sum_icmp4(f, 34);
	else
		frame_sum(f, 54, 2, IPPROTO_ICMPV6);
}

/* body: the type, then options behind both identifiers. */
static void dhcp6(struct frame *f, const uint8_t *body, unsigned len)
{
	static const uint8_t server[] = { 0, 2, 0, 1, 7 }, client[] = { 0, 1, 0, DHCP6_OUR_ID_LEN };
	struct udp_header udp = { .from = be16_of(547), .to = be16_of(546) };
	unsigned all = sizeof(udp) + 4 + sizeof(server) + sizeof(client) + DHCP6_OUR_ID_LEN;
	uint8_t id[DHCP6_OUR_ID_LEN];

	if (len < 1)
		return;
	dhcp6_make_id(a.dev.mac, id);
	all += len - 1;
	udp.len = be16_of((uint16_t)all);
	frame_begin(f, ip_of("fe80::ff:fe00:1"), ETHERNET_IP6);
	frame_put_ip6(f, ip_of("fe80::9"), ip_of("fe80::ff:fe00:1"), IPPROTO_UDP, all);
	frame_put(f, &udp, sizeof(udp));
	frame_put(f, body, 1);
	frame_put(f, last_transaction6, sizeof(last_transaction6));
	frame_put(f, server, sizeof(server));
	frame_put(f, client, sizeof(client));
	frame_put(f, id, sizeof(id));
	frame_put(f, body + 1, len - 1);
	frame_sum(f, 54, 6, IPPROTO_UDP);
}

static void pass(const uint8_t *body, unsigned len)
{
	nsec_t ns = len > 0 ? (nsec_t)body[0] * body[0] * (NSEC_PER_SEC / 100) : 0;

	world_fail_rate(len > 1 && body[1] > 200 ? 8000 : 0);
	cable_pass(&a, NULL, ns);
}

static void (*const kinds[])(struct frame *f, const uint8_t *body, unsigned len) = {
	raw, ethernet, ip4, ip4_options, ip6, icmp6, dhcp, quote, dhcp6, connections_segment,
};

static void one(unsigned kind, const uint8_t *body, unsigned len)
{
	static struct frame f, before;
	unsigned which = kind % NR_PACKET_KINDS;

	if (which == PACKET_TIME) {
		pass(body, len);
		return;
	}
	if (which == PACKET_CALL) {
		connections_call(body, len);
		cable_settle(&a, NULL);
		return;
	}
	f.len = 0;
	kinds[which](&f, body, len);
	if ((kind & PACKET_WITH_LAST) != 0) /* both in one burst */
		host_receive_two(&a, before.bytes, before.len, f.bytes, f.len);
	else
		host_receive(&a, f.bytes, f.len);
	before = f;
	cable_settle(&a, NULL);
}

static void begin(struct udp *u, unsigned settings)
{
	struct inet_address local = { .port = 2000 };

	world_start(settings);
	host_start(&a, 1, 0);
	a.look = look;
	if ((settings & PACKET_NO_ADDRESS) == 0) {
		host_add4(&a, "10.0.0.1", 24);
		host_add6(&a, "fd00::1", 64);
	}
	memset(u, 0, sizeof(*u));
	udp_init(u, &a.net, &events, true);
	if (endpoint_bind(&u->end, &local) != 0 || dhcp4_start(&a.dev, "fuzz") != 0 ||
	    dhcp6_start(&a.dev) != 0 || net_group_join(&a.dev, ip_of("239.1.1.1")) != 0)
		panic("no memory to begin with");
	connections_start(&a, settings);
	cable_pass(&a, NULL, 3 * NSEC_PER_SEC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct udp u;

	if (size == 0)
		return 0;
	begin(&u, *data++);
	size--;
	for (size_t n; (n = packet_record_len(data, size)) > 0; data += n, size -= n)
		one(data[0], data + PACKET_RECORD, (unsigned)n - PACKET_RECORD);
	world_fail_rate(0);
	connections_end();
	cable_pass(&a, NULL, 2000 * NSEC_PER_SEC);
	udp_fini(&u);
	connections_check();
	host_stop(&a);
	if (world_nr_objects() != 0)
		panic("%zu allocations are lost", world_nr_objects());
	return 0;
}
