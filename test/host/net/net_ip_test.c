/* SPDX-License-Identifier: BSD-2-Clause */
/* The internet layer alone: fragments, errors, extension headers, IPv6's configuration. */
#include "test/host/cmocka_all.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "net/ip/advice.h"
#include "net/udp/engine.h"
#include "net/wire/icmp.h"
#include "net/wire/ip.h"
#include "net/wire/nd.h"
#include "test/net/cable.h"
#include "test/net/frame.h"
#include "test/net/world.h"

#define is(expr, value) assert_int_equal((expr), (value))
#define SEC             NSEC_PER_SEC
#define IP6_AT          14u /* behind the Ethernet header */

static struct host a;
static struct frame f;

/* What the host sent last, and how much of which ICMPv6 type. */
static struct {
	uint8_t bytes[4096];
	uint32_t len;
	unsigned nr, of_type[256];
} sent;

static bool look(struct host *from, const uint8_t *frame, uint32_t len)
{
	const struct ip6_header *h = (const void *)(frame + IP6_AT);

	(void)from;
	assert_in_range(len, 14, sizeof(sent.bytes));
	memcpy(sent.bytes, frame, len);
	sent.len = len;
	sent.nr++;
	if (frame[12] == 0x86 && h->next_header == IPPROTO_ICMPV6)
		sent.of_type[frame[IP6_AT + 40]]++;
	return true;
}

static void settle(void)
{
	cable_settle(&a, NULL);
}

static void pass(nsec_t ns)
{
	cable_pass(&a, NULL, ns);
}

static int start(void **state)
{
	(void)state;
	world_start(2);
	memset(&sent, 0, sizeof(sent));
	host_start(&a, 1, 0);
	a.look = look;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	host_stop(&a);
	is(world_nr_objects(), 0);
	return 0;
}

static void arrive(void)
{
	host_receive(&a, f.bytes, f.len);
	settle();
}

/* ---- fragments ---- */

static struct {
	unsigned nr;
	uint32_t len;
	uint8_t bytes[66000];
} heard;

static void received(struct udp *u, struct netbuf *n)
{
	(void)u;
	heard.nr++;
	heard.len = n->len;
	netbuf_copy_out(n, 0, heard.bytes, n->len);
	netbuf_free(n);
}

static void failed(struct udp *u, const struct ip_error *e, const struct inet_address *to)
{
	(void)u, (void)e, (void)to;
}

static void count(struct udp *u)
{
	(void)u;
}

static const struct udp_events events = { received, failed, count, count };

static void hear(struct udp *u, bool v6)
{
	struct inet_address local = { .port = 2000 };

	memset(u, 0, sizeof(*u));
	memset(&heard, 0, sizeof(heard));
	memcpy(local.ip, v6 ? inet_any6 : inet_any4, 16);
	udp_init(u, &a.net, &events, v6);
	is(endpoint_bind(&u->end, &local), 0);
}

/* A datagram of 4,000 bytes (with its header), of which a piece arrives. */
static uint8_t datagram[4000];

static void make_datagram(void)
{
	struct udp_header h = { be16_of(1), be16_of(2000), be16_of(sizeof(datagram)), be16_of(0) };

	for (unsigned i = 0; i < sizeof(datagram); i++)
		datagram[i] = (uint8_t)(i * 3 + i / 256);
	memcpy(datagram, &h, sizeof(h));
}

static void piece4(unsigned id, unsigned at, unsigned len, bool more)
{
	frame_begin(&f, ip_of("10.0.0.1"), ETHERNET_IP4);
	frame_put_ip4(&f, ip_of("10.0.0.9"), ip_of("10.0.0.1"), IPPROTO_UDP, len);
	frame_set_fragment4(&f, id, at / 8 | (more ? IP4_MORE_FRAGMENTS : 0));
	frame_put(&f, datagram + at, len);
	arrive();
}

static void piece6(unsigned id, unsigned at, unsigned len, bool more)
{
	struct ip6_fragment h = { IPPROTO_UDP, 0, be16_of((uint16_t)(at | more)), be32_of(id) };

	frame_begin(&f, ip_of("fd00::1"), ETHERNET_IP6);
	frame_put_ip6(&f, ip_of("fd00::9"), ip_of("fd00::1"), IPPROTO_FRAGMENT, 8 + len);
	frame_put(&f, &h, sizeof(h));
	frame_put(&f, datagram + at, len);
	arrive();
}

static void test_fragments(void **state)
{
	void (*piece)(unsigned, unsigned, unsigned, bool);
	struct udp u;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	host_add6(&a, "fd00::1", 64);
	pass(10 * SEC);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t before = world_nr_objects();

		piece = v6 ? piece6 : piece4;
		hear(&u, v6);
		make_datagram();
		if (v6) { /* its checksum is not left out */
			frame_begin(&f, ip_of("fd00::1"), ETHERNET_IP6);
			frame_put_ip6(&f, ip_of("fd00::9"), ip_of("fd00::1"), 0, 0);
			f.len = IP6_AT + 40;
			frame_put(&f, datagram, 4000);
			frame_sum(&f, IP6_AT + 40, 6, IPPROTO_UDP);
			memcpy(datagram, f.bytes + IP6_AT + 40, 8);
		}
		/* In every order of four pieces. */
		for (unsigned order = 0; order < 24; order++) {
			unsigned left[] = { 0, 1, 2, 3 }, n = order;

			for (unsigned i = 4; i > 0; n /= i, i--) {
				unsigned at = left[n % i];

				left[n % i] = left[i - 1];
				is(heard.nr, order);
				piece(order, at * 1000, 1000, at < 3);
				if (i > 1 && order % 2 == 0) /* once more */
					piece(order, at * 1000, 1000, at < 3);
			}
			is(heard.nr, order + 1);
			is(heard.len, 3992);
			assert_memory_equal(heard.bytes, datagram + 8, 3992);
		}
		/* An overlap, an end in two places, what lies behind the end: all is discarded. */
		piece(100, 0, 1000, true);
		piece(100, 992, 1000, true);
		piece(100, 1000, 3000, false);
		piece(101, 0, 1000, true);
		piece(101, 2000, 1000, false);
		piece(101, 3000, 1000, false);
		piece(102, 3000, 1000, true);
		piece(102, 1000, 1000, false);
		is(heard.nr, 24);
		pass(31 * SEC);
		is(world_nr_objects(), before);
		udp_fini(&u);
	}
}

static void test_fragments_time_out(void **state)
{
	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	host_add6(&a, "fd00::1", 64);
	neighbour_learn(&a.dev, ip_of("10.0.0.9"), (const uint8_t[6]){ 2 }, NEIGHBOUR_CREATE);
	neighbour_learn(&a.dev, ip_of("fd00::9"), (const uint8_t[6]){ 2 }, NEIGHBOUR_CREATE);
	make_datagram();
	pass(20 * SEC);
	sent.nr = 0;
	piece4(1, 0, 1000, true);
	piece4(2, 1000, 1000, true); /* the first is not there: nothing is said */
	pass(29 * SEC);
	is(sent.nr, 0);
	pass(2 * SEC);
	is(sent.nr, 1);
	is(sent.bytes[34], ICMP4_TIME_EXCEEDED);
	is(sent.bytes[35], 1);
	is(sent.len, 14 + 576);
	assert_memory_equal(sent.bytes + 34 + 8 + 20, datagram, 500);
	pass(30 * SEC);
	sent.nr = 0;
	piece6(1, 0, 1000, true);
	pass(31 * SEC);
	is(sent.of_type[ICMP6_TIME_EXCEEDED], 1);
}

static void test_fragments_are_bounded(void **state)
{
	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	make_datagram();
	for (unsigned i = 0; i < 60000; i++)
		piece4(i, 1000, 1000, true);
	assert_in_range(world_bytes(), 0, 6 << 20);
	for (unsigned i = 0; i < 4000; i += 8) /* too many pieces of one */
		piece4(60001, i, 8, true);
	assert_in_range(world_bytes(), 0, 6 << 20);
}

/* ---- extension headers ---- */

static void begin6(unsigned next, unsigned payload)
{
	frame_begin(&f, ip_of("fd00::1"), ETHERNET_IP6);
	frame_put_ip6(&f, ip_of("fd00::9"), ip_of("fd00::1"), next, payload);
}

static void put_extension(unsigned next, const uint8_t six[6])
{
	frame_put_byte(&f, next, 1);
	frame_put_byte(&f, 0, 1);
	frame_put(&f, six, 6);
}

static void put_ping(void)
{
	uint32_t at = f.len;

	frame_put_byte(&f, ICMP6_ECHO, 1);
	frame_put_byte(&f, 0, 3);
	frame_put_byte(&f, 7, 12);
	frame_sum(&f, at, 2, IPPROTO_ICMPV6);
}

/* What was answered: a type and code, and the pointer of a parameter problem; 0: nothing. */
static void answered(unsigned type, unsigned code, unsigned pointer)
{
	const uint8_t *icmp = sent.bytes + IP6_AT + 40;

	sent.nr = 0;
	arrive();
	is(sent.nr, type != 0);
	if (type == 0)
		return;
	is(icmp[0], type);
	is(icmp[1], code);
	if (type == ICMP6_PARAMETER_PROBLEM)
		is(icmp[7], pointer);
}

/* The same, of a ping behind destination options. */
static void answered_with(const uint8_t options[6], unsigned type, unsigned code, unsigned pointer)
{
	begin6(IPPROTO_DSTOPTS, 16 + 8);
	put_extension(IPPROTO_ICMPV6, options);
	put_ping();
	answered(type, code, pointer);
}

static void test_extension_headers(void **state)
{
	static const uint8_t pad[6] = { 1, 4 }, alert[6] = { 5, 2, 0, 0, 1, 0 }, pad1[6] = { 0 };
	static const uint8_t skip[6] = { 0x1e, 4 }, discard[6] = { 0x5e, 4 };
	static const uint8_t report[6] = { 0x9e, 4 }, unicast[6] = { 1, 0, 0xde, 2 };
	static const uint8_t too_long[6] = { 1, 5 }, routing0[6] = { 0, 0 }, routing1[6] = { 0, 1 };

	(void)state;
	host_add6(&a, "fd00::1", 64);
	pass(5 * SEC);
	neighbour_learn(&a.dev, ip_of("fd00::9"), (const uint8_t[6]){ 2 }, NEIGHBOUR_CREATE);
	begin6(IPPROTO_ICMPV6, 16);
	put_ping();
	answered(ICMP6_ECHO_REPLY, 0, 0);
	/* All that may stand in front of it, in the RFC's order. */
	begin6(IPPROTO_HOPOPTS, 16 + 5 * 8);
	put_extension(IPPROTO_DSTOPTS, alert);
	put_extension(IPPROTO_ROUTING, pad1);
	put_extension(IPPROTO_FRAGMENT, routing0);
	put_extension(IPPROTO_DSTOPTS, (const uint8_t[6]){ 0 });
	put_extension(IPPROTO_ICMPV6, pad);
	put_ping();
	answered(ICMP6_ECHO_REPLY, 0, 0);
	answered_with(skip, ICMP6_ECHO_REPLY, 0, 0);
	answered_with(discard, 0, 0, 0);
	answered_with(report, ICMP6_PARAMETER_PROBLEM, 2, 42);
	answered_with(unicast, ICMP6_PARAMETER_PROBLEM, 2, 44);
	answered_with(too_long, ICMP6_PARAMETER_PROBLEM, 0, 42);
	begin6(IPPROTO_ROUTING, 16 + 8);
	put_extension(IPPROTO_ICMPV6, routing1);
	put_ping();
	answered(ICMP6_PARAMETER_PROBLEM, 0, 42);
	begin6(IPPROTO_DSTOPTS, 16 + 16); /* hop-by-hop must be the first */
	put_extension(IPPROTO_HOPOPTS, pad);
	put_extension(IPPROTO_ICMPV6, pad);
	put_ping();
	answered(ICMP6_PARAMETER_PROBLEM, 1, 40);
	begin6(200, 16); /* nobody's protocol */
	put_ping();
	answered(ICMP6_PARAMETER_PROBLEM, 1, 6);
	begin6(IPPROTO_NONE, 16);
	put_ping();
	answered(0, 0, 0);
	begin6(IPPROTO_DSTOPTS, 10 * 8); /* without end */
	for (unsigned i = 0; i < 10; i++)
		put_extension(IPPROTO_DSTOPTS, pad);
	answered(0, 0, 0);
	begin6(IPPROTO_DSTOPTS, 8); /* longer than the packet */
	frame_put_byte(&f, 200, 8);
	answered(0, 0, 0);
}

/* ---- IPv6's configuration ---- */

static bool has(const char *ip, unsigned with, unsigned without)
{
	struct net_address *x;

	list_foreach(&a.dev.addresses, x, link) {
		if (inet_ip_equal(x->ip, ip_of(ip)))
			return (x->flags & with) == with && (x->flags & without) == 0;
	}
	return false;
}

#define OWN "fe80::ff:fe00:1"

static void test_link_local(void **state)
{
	(void)state;
	pass(1);
	assert_true(has(OWN, NET_ADDRESS_TENTATIVE, 0));
	is(sent.of_type[ICMP6_NEIGHBOUR_SOLICIT], 1);
	pass(1100000000);
	assert_true(has(OWN, 0, NET_ADDRESS_TENTATIVE));
	is(sent.of_type[ICMP6_ROUTER_SOLICIT], 1);
	pass(20 * SEC);
	is(sent.of_type[ICMP6_ROUTER_SOLICIT], 3);
	is(sent.of_type[ICMP6_NEIGHBOUR_SOLICIT], 1);
}

static void arrive_neighbour(unsigned type, const char *from, const char *to, const char *target)
{
	struct nd_neighbour m = { .icmp.type = (uint8_t)type };

	memcpy(m.target, ip_of(target), 16);
	frame_begin(&f, ip_of(to), ETHERNET_IP6);
	frame_put_ip6(&f, ip_of(from), ip_of(to), IPPROTO_ICMPV6, sizeof(m));
	frame_set_hops(&f, 255);
	frame_put(&f, &m, sizeof(m));
	frame_sum(&f, IP6_AT + 40, 2, IPPROTO_ICMPV6);
	arrive();
}

static void test_duplicates(void **state)
{
	(void)state;
	pass(1);
	/* Somebody defends it. */
	arrive_neighbour(ICMP6_NEIGHBOUR_ADVERT, OWN, "ff02::1", OWN);
	assert_true(has(OWN, NET_ADDRESS_DUPLICATE, 0));
	pass(10 * SEC);
	assert_true(has(OWN, NET_ADDRESS_DUPLICATE, 0));
	is(sent.of_type[ICMP6_ROUTER_SOLICIT], 0);
	assert_false(net_address_is_ours(&a.net, ip_of(OWN), 0));
	/* Somebody else looks for it at the same moment. */
	is(net_device_set_up(&a.dev, false), 0);
	is(net_device_set_up(&a.dev, true), 0);
	pass(1);
	assert_true(has(OWN, NET_ADDRESS_TENTATIVE, NET_ADDRESS_DUPLICATE));
	arrive_neighbour(ICMP6_NEIGHBOUR_SOLICIT, "::", "ff02::1:ff00:1", OWN);
	assert_true(has(OWN, NET_ADDRESS_DUPLICATE, 0));
	/* Once it is ours, it is defended. */
	is(net_device_set_up(&a.dev, false), 0);
	is(net_device_set_up(&a.dev, true), 0);
	pass(2 * SEC);
	assert_true(has(OWN, 0, NET_ADDRESS_TENTATIVE));
	arrive_neighbour(ICMP6_NEIGHBOUR_SOLICIT, "::", "ff02::1:ff00:1", OWN);
	is(sent.of_type[ICMP6_NEIGHBOUR_ADVERT], 1);
	arrive_neighbour(ICMP6_NEIGHBOUR_ADVERT, OWN, "ff02::1", OWN);
	assert_true(has(OWN, 0, NET_ADDRESS_TENTATIVE));
}

static struct net_advice advice;

static void advised(struct net_adviser *self, struct netdev *d, enum advice_source source,
		    const struct net_advice *x)
{
	(void)self, (void)d;
	is(source, ADVICE_ROUTER);
	advice = *x;
}

/* A router's advertisement: its lifetime, its prefix's two. */
static void advertise(unsigned router, unsigned valid, unsigned preferred)
{
	struct nd_router_advert m = { .type = ICMP6_ROUTER_ADVERT, .hops = 64 };
	struct nd_prefix p = { .option = { ND_PREFIX, 4 }, .bits = 64 };
	struct nd_mtu mtu = { { ND_MTU, 1 }, be16_of(0), be32_of(1400) };
	struct nd_dns dns = { { ND_DNS, 3 }, be16_of(0), be32_of(600) };
	struct nd_dns search = { { ND_DNS_SEARCH, 3 }, be16_of(0), be32_of(600) };
	const char *to = "ff02::1";

	p.flags = ND_ON_LINK | ND_AUTONOMOUS;
	m.lifetime = be16_of((uint16_t)router);
	p.valid = be32_of(valid);
	p.preferred = be32_of(preferred);
	memcpy(p.prefix, ip_of("2001:db8:5::"), 16);
	frame_begin(&f, ip_of(to), ETHERNET_IP6);
	frame_put_ip6(&f, ip_of("fe80::99"), ip_of(to), IPPROTO_ICMPV6,
		      sizeof(m) + 32 + 8 + 24 + 24);
	frame_set_hops(&f, 255);
	frame_put(&f, &m, sizeof(m));
	frame_put(&f, &p, sizeof(p));
	frame_put(&f, &mtu, sizeof(mtu));
	frame_put(&f, &dns, sizeof(dns));
	frame_put(&f, ip_of("2001:db8:5::53"), 16);
	frame_put(&f, &search, sizeof(search));
	frame_put(&f, "\3lan\4home\0\1x\0\0\0\0", 16);
	frame_sum(&f, IP6_AT + 40, 2, IPPROTO_ICMPV6);
	arrive();
}

#define MADE "2001:db8:5::ff:fe00:1"

static void test_routers(void **state)
{
	struct net_adviser adviser = { advised };
	uint8_t to[16];
	struct ip_query q = { .to = to };
	struct ip_path path;

	(void)state;
	memcpy(to, ip_of("2001:db8:7::1"), 16);
	a.net.adviser = &adviser;
	pass(1500000000);
	is(sent.of_type[ICMP6_ROUTER_SOLICIT], 1);
	advertise(100, 1000, 500);
	assert_true(has(MADE, NET_ADDRESS_TENTATIVE, 0));
	is(ip_route(&a.net, &q, &path), 0);
	assert_memory_equal(path.next_hop, ip_of("fe80::99"), 16);
	is(path.mtu, 1400);
	ip_path_drop(&path);
	is(advice.nr_dns, 1);
	assert_memory_equal(advice.dns[0], ip_of("2001:db8:5::53"), 16);
	assert_string_equal(advice.search, "lan.home x");
	pass(10 * SEC);
	is(sent.of_type[ICMP6_ROUTER_SOLICIT], 1); /* none is needed any more */
	assert_true(has(MADE, 0, NET_ADDRESS_TENTATIVE));
	is(ip_route(&a.net, &q, &path), 0);
	assert_memory_equal(path.from, ip_of(MADE), 16);
	ip_path_drop(&path);
	pass(100 * SEC); /* the router has not said more */
	is(ip_route(&a.net, &q, &path), -ENETUNREACH);
	pass(400 * SEC);
	assert_true(has(MADE, NET_ADDRESS_DEPRECATED, 0));
	advertise(100, 1000, 500);
	assert_true(has(MADE, 0, NET_ADDRESS_DEPRECATED));
	/* Lifetimes of hours; then none: it has two hours yet (RFC 4862 §5.5.3 e). */
	advertise(1000, 36000, 36000);
	advertise(0, 0, 0);
	is(ip_route(&a.net, &q, &path), -ENETUNREACH);
	pass(7100 * SEC);
	assert_true(has(MADE, NET_ADDRESS_DEPRECATED, 0));
	pass(200 * SEC);
	assert_false(has(MADE, 0, 0));
	/* From farther than the link nothing is believed. */
	advertise(1000, 36000, 36000);
	is(net_device_set_up(&a.dev, false), 0);
	is(net_device_set_up(&a.dev, true), 0);
	assert_false(has(MADE, 0, 0));
	frame_set_hops(&f, 254);
	arrive();
	assert_false(has(MADE, 0, 0));
	frame_set_hops(&f, 255);
	arrive();
	assert_true(has(MADE, 0, 0));
}

/* ---- what routers are told of groups ---- */

/* IGMP's or MLD's messages since the last time: how many, and the last one's type and record's. */
static void told(unsigned nr, unsigned type, unsigned record, const char *group)
{
	bool v6 = sent.bytes[12] == 0x86;
	const uint8_t *m = sent.bytes + (v6 ? 14 + 40 + 8 : 14 + 24), *ip = ip_of(group);

	is(sent.nr, nr);
	sent.nr = 0;
	if (nr == 0)
		return;
	is(m[0], type);
	if (record != 0)
		is(m[8], record);
	if (v6) {
		is(sent.bytes[14 + 7], 1); /* hops */
		assert_memory_equal(m + (record != 0 ? 12 : 8), ip, 16);
	} else {
		is(sent.bytes[14 + 8], 1);
		assert_memory_equal(m + (record != 0 ? 12 : 4), ip + 12, 4);
	}
}

static void query4(unsigned response, const char *group, unsigned len)
{
	frame_begin(&f, ip_of("224.0.0.1"), ETHERNET_IP4);
	frame_put_ip4(&f, ip_of("10.0.0.254"), ip_of("224.0.0.1"), IPPROTO_IGMP, len);
	frame_put_byte(&f, 0x11, 1);
	frame_put_byte(&f, response, 1);
	frame_put_byte(&f, 0, 2);
	frame_put(&f, ip_of(group) + 12, 4);
	frame_put_byte(&f, 0, len - 8);
	frame_sum_icmp4(&f, 34);
	arrive();
}

static void query6(unsigned response_ms, const char *group, unsigned len)
{
	frame_begin(&f, ip_of("ff02::1"), ETHERNET_IP6);
	frame_put_ip6(&f, ip_of("fe80::99"), ip_of("ff02::1"), IPPROTO_ICMPV6, len);
	frame_set_hops(&f, 1);
	frame_put_byte(&f, ICMP6_GROUP_QUERY, 1);
	frame_put_byte(&f, 0, 3);
	frame_put_byte(&f, response_ms >> 8, 1);
	frame_put_byte(&f, response_ms & 255, 1);
	frame_put_byte(&f, 0, 2);
	frame_put(&f, ip_of(group), 16);
	frame_put_byte(&f, 0, len - 24);
	frame_sum(&f, IP6_AT + 40, 2, IPPROTO_ICMPV6);
	arrive();
}

static void test_groups4(void **state)
{
	const char *group = "239.1.2.3";

	(void)state;
	pass(30 * SEC);
	sent.nr = 0;
	is(net_group_join(&a.dev, ip_of(group)), 0);
	pass(1);
	told(1, 0x22, 4, group); /* a change to: all sources */
	pass(2 * SEC);
	told(1, 0x22, 4, group); /* once more, lest one be lost */
	query4(100, "0.0.0.0", 12);
	pass(10 * SEC);
	told(1, 0x22, 2, group);
	query4(100, group, 12);
	pass(10 * SEC);
	told(1, 0x22, 2, group);
	query4(100, "239.9.9.9", 12);
	pass(10 * SEC);
	told(0, 0, 0, group);
	query4(100, "0.0.0.0", 8); /* a router of version 2 */
	pass(10 * SEC);
	told(1, 0x16, 0, group);
	is(net_group_leave(&a.dev, ip_of(group)), 0);
	pass(5 * SEC);
	told(2, 0x17, 0, group);
	query4(100, "0.0.0.0", 8);
	pass(300 * SEC);
	told(0, 0, 0, group);
	is(net_group_join(&a.dev, ip_of(group)), 0);
	pass(5 * SEC);
	told(2, 0x22, 4, group);
	is(net_group_leave(&a.dev, ip_of(group)), 0);
	pass(5 * SEC);
	told(2, 0x22, 3, group);
}

static void test_groups6(void **state)
{
	const char *group = "ff02::1234";

	(void)state;
	pass(30 * SEC);
	sent.nr = 0;
	is(net_group_join(&a.dev, ip_of(group)), 0);
	pass(5 * SEC);
	told(2, ICMP6_GROUP_REPORT_2, 4, group);
	query6(1000, group, 28);
	pass(SEC);
	told(1, ICMP6_GROUP_REPORT_2, 2, group);
	query6(1000, group, 24); /* MLDv1 */
	pass(SEC);
	told(1, ICMP6_GROUP_REPORT_1, 0, group);
	is(net_group_leave(&a.dev, ip_of(group)), 0);
	pass(5 * SEC);
	told(2, ICMP6_GROUP_DONE_1, 0, group);
	query6(1000, "::", 28); /* the groups at which others ask for our address */
	pass(SEC);
	told(1, ICMP6_GROUP_REPORT_1, 0, "ff02::1:ff00:1");
}

/* ---- errors ---- */

static void test_complaints_are_limited(void **state)
{
	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	pass(20 * SEC);
	neighbour_learn(&a.dev, ip_of("10.0.0.9"), (const uint8_t[6]){ 2 }, NEIGHBOUR_CREATE);
	sent.nr = 0;
	make_datagram();
	for (unsigned i = 0; i < 1000; i++)
		piece4(i, 0, 100, false);
	is(sent.nr, 0); /* that datagram is cut short */
	memcpy(datagram + 4, &(struct be16){ { 0, 100 } }, 2);
	for (unsigned i = 0; i < 1000; i++)
		piece4(i, 0, 100, false);
	is(sent.nr, 50);
	is(sent.bytes[34], ICMP4_UNREACHABLE);
	is(sent.bytes[35], ICMP4_PORT);
	pass(SEC / 100);
	for (unsigned i = 0; i < 1000; i++)
		piece4(i, 0, 100, false);
	is(sent.nr, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fragments, start, stop),
		cmocka_unit_test_setup_teardown(test_fragments_time_out, start, stop),
		cmocka_unit_test_setup_teardown(test_fragments_are_bounded, start, stop),
		cmocka_unit_test_setup_teardown(test_extension_headers, start, stop),
		cmocka_unit_test_setup_teardown(test_link_local, start, stop),
		cmocka_unit_test_setup_teardown(test_duplicates, start, stop),
		cmocka_unit_test_setup_teardown(test_routers, start, stop),
		cmocka_unit_test_setup_teardown(test_groups4, start, stop),
		cmocka_unit_test_setup_teardown(test_groups6, start, stop),
		cmocka_unit_test_setup_teardown(test_complaints_are_limited, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
