/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCP of both families: messages, and the clients against servers of the test's. */
#include "test/host/cmocka_all.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "net/dhcp/dhcp4.h"
#include "net/dhcp/dhcp6.h"
#include "net/dhcp/message4.h"
#include "net/dhcp/message6.h"
#include "net/wire/ip.h"
#include "net/wire/nd.h"
#include "test/net/cable.h"
#include "test/net/frame.h"
#include "test/net/world.h"

#define is(expr, value) assert_int_equal((expr), (value))
#define SEC             NSEC_PER_SEC
#define UDP_AT          34u
#define DHCP_AT         42u

static struct host a;

/* ---- the server ---- */

static struct {
	unsigned nr[8];       /* messages of each type that came */
	uint32_t transaction; /* the last one's */
	uint8_t from[4], to[4], client[4];
	bool deaf;      /* it hears, and says nothing */
	bool refuses;   /* it answers requests with NAK */
	bool from_file; /* options are in the file's field */
	uint8_t address[4];
	uint32_t lease;
	struct frame answer;
} server;

static void put_option(struct frame *f, unsigned code, const void *bytes, unsigned len)
{
	frame_put_byte(f, code, 1);
	frame_put_byte(f, len, 1);
	frame_put(f, bytes, len);
}

static void put_options(struct frame *f, unsigned type)
{
	static const uint8_t id[] = { 10, 0, 0, 254 }, mask[] = { 255, 255, 255, 0 };
	static const uint8_t routers[] = { 10, 0, 0, 254, 10, 0, 0, 253 }, mtu[] = { 5, 120 };
	static const uint8_t dns[] = { 10, 0, 0, 53, 8, 8, 8, 8 };
	struct be32 lease = be32_of(server.lease);

	put_option(f, DHCP4_TYPE, &(uint8_t){ (uint8_t)type }, 1);
	put_option(f, DHCP4_SERVER, id, sizeof(id));
	if (type == DHCP4_NAK)
		return;
	put_option(f, DHCP4_MASK, mask, sizeof(mask));
	put_option(f, DHCP4_ROUTERS, routers, sizeof(routers));
	put_option(f, DHCP4_DNS, dns, 5); /* in two pieces: RFC 3396 */
	put_option(f, DHCP4_LEASE, &lease, sizeof(lease));
	put_option(f, DHCP4_DNS, dns + 5, 3);
	put_option(f, DHCP4_DOMAIN, "example.org", 12);
	put_option(f, DHCP4_HOST_NAME, "box", 3);
	put_option(f, DHCP4_MTU, mtu, sizeof(mtu));
}

static void answer(unsigned type)
{
	struct frame *f = &server.answer;
	struct dhcp4_header h = { .operation = DHCP4_ANSWER,
				  .hardware_type = 1,
				  .hardware_len = 6 };
	struct udp_header udp = { be16_of(67), be16_of(68), be16_of(0), be16_of(0) };
	uint8_t to[16];

	h.transaction = be32_of(server.transaction);
	memcpy(h.your, server.address, 4);
	memcpy(h.hardware, a.dev.mac, 6);
	h.cookie = be32_of(DHCP4_COOKIE);
	inet_ip_from_v4_bytes(to, server.address); /* not ours yet */
	frame_begin(f, to, ETHERNET_IP4);
	frame_put_ip4(f, ip_of("10.0.0.254"), to, IPPROTO_UDP, 8 + sizeof(h) + 200);
	udp.len = be16_of(8 + sizeof(h) + 200);
	frame_put(f, &udp, sizeof(udp));
	frame_put(f, &h, sizeof(h));
	put_options(f, type);
	frame_put_byte(f, DHCP4_END, 1);
	f->len = (uint32_t)(DHCP_AT + sizeof(h) + 200);
	frame_sum(f, UDP_AT, 6, IPPROTO_UDP);
}

static const uint8_t *find_option(const uint8_t *at, const uint8_t *end, unsigned code)
{
	while (at + 2 <= end && *at != DHCP4_END && *at != code)
		at += *at == DHCP4_PAD ? 1 : 2 + at[1];
	return at + 2 <= end && *at == code ? at : NULL;
}

/* ---- the server of IPv6 ---- */

#define UDP6_AT  54u
#define DHCP6_AT 62u
#define OUR6     "fe80::ff:fe00:1"
#define LEASED6  "2001:db8:5::77"

static struct {
	unsigned nr[16];
	unsigned status; /* of its replies */
	bool deaf;
	bool was_named; /* the last question named it */
	uint32_t preferred, valid;
} server6;

static void put6(struct frame *f, unsigned code, const void *bytes, unsigned len)
{
	struct dhcp6_option o = { be16_of((uint16_t)code), be16_of((uint16_t)len) };

	frame_put(f, &o, sizeof(o));
	frame_put(f, bytes, len);
}

static void put_ia(struct frame *f)
{
	struct dhcp6_ia ia = { .id = be32_of(a.dev.index) };
	struct dhcp6_address address = { .valid = be32_of(server6.valid) };
	uint8_t bytes[sizeof(ia) + 4 + sizeof(address)];
	struct dhcp6_option o = { be16_of(DHCP6_ADDRESS), be16_of(sizeof(address)) };

	address.preferred = be32_of(server6.preferred);
	memcpy(address.ip, ip_of(LEASED6), 16);
	memcpy(bytes, &ia, sizeof(ia));
	memcpy(bytes + sizeof(ia), &o, 4);
	memcpy(bytes + sizeof(ia) + 4, &address, sizeof(address));
	put6(f, DHCP6_IA_NA, bytes, sizeof(bytes));
}

static void answer6(unsigned type, const uint8_t *question)
{
	struct frame *f = &server.answer;
	struct udp_header udp = { be16_of(547), be16_of(546), be16_of(0), be16_of(0) };
	struct be16 status = be16_of((uint16_t)server6.status);
	uint8_t id[DHCP6_OUR_ID_LEN];

	dhcp6_make_id(a.dev.mac, id);
	frame_begin(f, ip_of(OUR6), ETHERNET_IP6);
	frame_put_ip6(f, ip_of("fe80::99"), ip_of(OUR6), IPPROTO_UDP, 0);
	frame_put(f, &udp, sizeof(udp));
	frame_put_byte(f, type, 1);
	frame_put(f, question + 1, 3);
	put6(f, DHCP6_CLIENT, id, sizeof(id));
	put6(f, DHCP6_SERVER, "server", 6);
	if (question[0] != DHCP6_INFORM && server6.status == 0)
		put_ia(f);
	if (server6.status != 0)
		put6(f, DHCP6_STATUS, &status, 2);
	put6(f, DHCP6_DNS, ip_of("2001:db8:5::53"), 16);
	put6(f, DHCP6_DOMAINS, "\3lan\4home\0\1x\0", 13);
	((struct ip6_header *)(void *)(f->bytes + 14))->payload_len =
		be16_of((uint16_t)(f->len - UDP6_AT));
	udp.len = be16_of((uint16_t)(f->len - UDP6_AT));
	memcpy(f->bytes + UDP6_AT, &udp, sizeof(udp));
	frame_sum(f, UDP6_AT, 6, IPPROTO_UDP);
}

static void look6(const uint8_t *frame, uint32_t len)
{
	const uint8_t *question = frame + DHCP6_AT;

	assert_in_range(len, DHCP6_AT + 4, 400);
	assert_memory_equal(frame + 14 + 24, ip_of("ff02::1:2"), 16);
	is(frame[UDP6_AT + 3], (uint8_t)547);
	assert_in_range(question[0], 1, 15);
	server6.nr[question[0]]++;
	server6.was_named = memmem(frame, len, "\0\2\0\6server", 10) != NULL;
	if (server6.deaf || question[0] == DHCP6_RELEASE)
		return;
	answer6(question[0] == DHCP6_SOLICIT ? DHCP6_ADVERTISE : DHCP6_REPLY, question);
}

static void advertise(unsigned flags)
{
	struct nd_router_advert m = { .type = ICMP6_ROUTER_ADVERT, .flags = (uint8_t)flags };
	struct frame f;

	m.lifetime = be16_of(9000);
	frame_begin(&f, ip_of("ff02::1"), ETHERNET_IP6);
	frame_put_ip6(&f, ip_of("fe80::99"), ip_of("ff02::1"), IPPROTO_ICMPV6, sizeof(m));
	frame_set_hops(&f, 255);
	frame_put(&f, &m, sizeof(m));
	frame_sum(&f, UDP6_AT, 2, IPPROTO_ICMPV6);
	host_receive(&a, f.bytes, f.len);
}

static bool look(struct host *from, const uint8_t *frame, uint32_t len)
{
	const struct ip4_header *ip = (const void *)(frame + 14);
	const struct dhcp4_header *h = (const void *)(frame + DHCP_AT);
	const uint8_t *type;

	(void)from;
	if (frame[12] == 0x86 && frame[20] == IPPROTO_UDP)
		look6(frame, len);
	if (frame[12] != 8 || frame[13] != 0 || ip->protocol != IPPROTO_UDP)
		return true;
	is(frame[UDP_AT + 3], 67);
	assert_in_range(len, DHCP_AT + 300, 1500);
	type = find_option((const uint8_t *)(h + 1), frame + len, DHCP4_TYPE);
	assert_non_null(type);
	assert_in_range(type[2], 1, 7);
	server.nr[type[2]]++;
	server.transaction = be32_get(h->transaction);
	memcpy(server.from, ip->from, 4);
	memcpy(server.to, ip->to, 4);
	memcpy(server.client, h->client, 4);
	if (type[2] == DHCP4_REQUEST && be32_get(*(const struct be32 *)h->client) == 0)
		assert_non_null(
			find_option((const uint8_t *)(h + 1), frame + len, DHCP4_REQUESTED));
	if (!server.deaf && type[2] == DHCP4_DISCOVER)
		answer(DHCP4_OFFER);
	if (!server.deaf && type[2] == DHCP4_REQUEST)
		answer(server.refuses ? DHCP4_NAK : DHCP4_ACK);
	return true;
}

/* Time, with the server's answers on their way at once. */
static void pass(nsec_t ns)
{
	nsec_t until = world_now + ns;

	cable_settle(&a, NULL);
	for (;;) {
		while (server.answer.len > 0) {
			uint32_t len = server.answer.len;

			server.answer.len = 0;
			host_receive(&a, server.answer.bytes, len);
			cable_settle(&a, NULL);
		}
		if (!world_step(until))
			break;
		cable_settle(&a, NULL);
	}
	world_now = until;
}

static struct net_advice advice;
static unsigned nr_advised;

static void advised(struct net_adviser *self, struct netdev *d, enum advice_source source,
		    const struct net_advice *x)
{
	(void)self, (void)d;
	is(source, strchr(x->search, ' ') != NULL ? ADVICE_DHCP6 : ADVICE_DHCP4);
	advice = *x;
	nr_advised++;
}

static struct net_adviser adviser = { advised };

static int start(void **state)
{
	(void)state;
	world_start(3);
	memset(&server, 0, sizeof(server));
	memset(&server6, 0, sizeof(server6));
	server6.preferred = 1000;
	server6.valid = 2000;
	nr_advised = 0;
	memcpy(server.address, (const uint8_t[4]){ 10, 0, 0, 7 }, 4);
	server.lease = 1000;
	host_start(&a, 1, 0);
	a.look = look;
	a.net.adviser = &adviser;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	host_stop(&a);
	is(world_nr_objects(), 0);
	return 0;
}

static bool ours(const char *ip)
{
	return net_address_is_ours(&a.net, ip_of(ip), 0);
}

static int route_to(const char *ip)
{
	struct ip_query q = { .to = ip_of(ip) };
	struct ip_path path;
	int err = ip_route(&a.net, &q, &path);

	if (err == 0) {
		assert_memory_equal(path.next_hop, ip_of("10.0.0.254"), 16);
		ip_path_drop(&path);
	}
	return err;
}

/* ---- the client ---- */

static void test_lease(void **state)
{
	static const uint8_t nobody[4], everybody[4] = { 255, 255, 255, 255 };

	(void)state;
	is(dhcp4_start(&a.dev, "hull"), 0);
	is(server.nr[DHCP4_DISCOVER], 0);
	pass(1);
	is(server.nr[DHCP4_DISCOVER], 1);
	is(server.nr[DHCP4_REQUEST], 1);
	assert_memory_equal(server.from, nobody, 4);
	assert_memory_equal(server.to, everybody, 4);
	assert_true(dhcp4_is_bound(&a.dev));
	assert_true(ours("10.0.0.7"));
	is(route_to("8.8.8.8"), 0);
	is(a.dev.mtu, 1400);
	assert_true(net_address_is_broadcast(&a.net, ip_of("10.0.0.255"), 0));
	is(nr_advised, 1);
	is(advice.nr_dns, 2);
	assert_memory_equal(advice.dns[1], ip_of("8.8.8.8"), 16);
	assert_string_equal(advice.search, "example.org");
	assert_string_equal(advice.host_name, "box");
	/* Half of the lease: the server alone is asked, from our address. */
	neighbour_learn(&a.dev, ip_of("10.0.0.254"), (const uint8_t[6]){ 2 },
			NEIGHBOUR_CREATE | NEIGHBOUR_OVERRIDE);
	pass(499 * SEC);
	is(server.nr[DHCP4_REQUEST], 1);
	pass(2 * SEC);
	is(server.nr[DHCP4_REQUEST], 2);
	assert_memory_equal(server.to, ip_of("10.0.0.254") + 12, 4);
	assert_memory_equal(server.client, server.address, 4);
	is(nr_advised, 2);
	/* It goes on so. */
	pass(5000 * SEC);
	assert_true(ours("10.0.0.7"));
	is(server.nr[DHCP4_DISCOVER], 1);
	neighbour_learn(&a.dev, ip_of("10.0.0.254"), (const uint8_t[6]){ 2 },
			NEIGHBOUR_CREATE | NEIGHBOUR_OVERRIDE);
	dhcp4_stop(&a.dev);
	pass(1);
	is(server.nr[DHCP4_RELEASE], 1);
	assert_false(ours("10.0.0.7"));
	is(route_to("8.8.8.8"), -ENETUNREACH);
	pass(5000 * SEC);
	is(server.nr[DHCP4_DISCOVER], 1);
	is(dhcp4_start(&a.dev, ""), 0);
	pass(1);
	assert_true(ours("10.0.0.7"));
}

static void test_no_answer(void **state)
{
	(void)state;
	server.deaf = true;
	is(dhcp4_start(&a.dev, ""), 0);
	pass(200 * SEC);
	/* At 0, 4, 12, 28, 60, 124 and 188 seconds, one more or less. */
	assert_in_range(server.nr[DHCP4_DISCOVER], 6, 8);
	server.deaf = false;
	pass(66 * SEC);
	assert_true(ours("10.0.0.7"));
	/* The server goes away: asked alone, then everybody is, then the lease is over. */
	server.deaf = true;
	pass(880 * SEC);
	assert_true(ours("10.0.0.7"));
	assert_memory_equal(server.to, ((const uint8_t[4]){ 255, 255, 255, 255 }), 4);
	pass(130 * SEC);
	assert_false(ours("10.0.0.7"));
	assert_false(dhcp4_is_bound(&a.dev));
	is(route_to("8.8.8.8"), -ENETUNREACH);
	server.deaf = false;
	pass(70 * SEC);
	assert_true(ours("10.0.0.7"));
}

static void test_refusal(void **state)
{
	(void)state;
	is(dhcp4_start(&a.dev, ""), 0);
	pass(1);
	assert_true(ours("10.0.0.7"));
	server.refuses = true;
	pass(880 * SEC); /* renewing: NAK */
	assert_false(ours("10.0.0.7"));
	server.refuses = false;
	memcpy(server.address, (const uint8_t[4]){ 10, 0, 0, 8 }, 4);
	pass(70 * SEC);
	assert_true(ours("10.0.0.8"));
	assert_false(ours("10.0.0.7"));
}

static void test_link(void **state)
{
	(void)state;
	is(dhcp4_start(&a.dev, ""), 0);
	pass(1);
	netdev_set_carrier(&a.dev, false);
	pass(10 * SEC);
	assert_true(ours("10.0.0.7"));
	is(server.nr[DHCP4_REQUEST], 1);
	netdev_set_carrier(&a.dev, true);
	pass(1);
	is(server.nr[DHCP4_REQUEST], 2); /* is it still the same link? */
	assert_true(ours("10.0.0.7"));
	netdev_set_carrier(&a.dev, false);
	pass(1200 * SEC);
	assert_false(ours("10.0.0.7"));
	netdev_set_carrier(&a.dev, true);
	pass(1);
	assert_true(ours("10.0.0.7"));
	is(route_to("8.8.8.8"), 0);
}

static void test_strangers(void **state)
{
	(void)state;
	server.deaf = true;
	is(dhcp4_start(&a.dev, ""), 0);
	pass(1);
	server.transaction++;
	answer(DHCP4_OFFER);
	pass(1);
	is(server.nr[DHCP4_REQUEST], 0);
	server.transaction--;
	answer(DHCP4_ACK); /* nothing was requested */
	pass(1);
	assert_false(ours("10.0.0.7"));
	answer(DHCP4_OFFER);
	server.answer.bytes[DHCP_AT + 28 + 5] ^= 1; /* another machine's */
	frame_sum(&server.answer, UDP_AT, 6, IPPROTO_UDP);
	pass(1);
	is(server.nr[DHCP4_REQUEST], 0);
	answer(DHCP4_OFFER);
	pass(1);
	is(server.nr[DHCP4_REQUEST], 1);
}

static void test_without_memory(void **state)
{
	(void)state;
	is(dhcp4_start(&a.dev, ""), 0);
	world_fail_rate(20000);
	pass(3000 * SEC);
	world_fail_rate(0);
	pass(1100 * SEC);
	assert_true(ours("10.0.0.7"));
	is(route_to("8.8.8.8"), 0);
}

/* ---- IPv6 ---- */

static void test_lease6(void **state)
{
	(void)state;
	is(dhcp6_start(&a.dev), 0);
	pass(20 * SEC);
	is(server6.nr[DHCP6_SOLICIT], 0); /* no router has said that there is a server */
	advertise(ND_MANAGED);
	pass(3 * SEC);
	is(server6.nr[DHCP6_SOLICIT], 1);
	is(server6.nr[DHCP6_REQUEST], 1);
	assert_true(server6.was_named);
	assert_true(dhcp6_is_bound(&a.dev));
	assert_true(ours(LEASED6));
	is(advice.nr_dns, 1);
	assert_string_equal(advice.search, "lan.home x");
	pass(495 * SEC);
	is(server6.nr[DHCP6_RENEW], 0);
	pass(10 * SEC);
	is(server6.nr[DHCP6_RENEW], 1); /* half of the preferred time */
	pass(5000 * SEC);
	assert_in_range(server6.nr[DHCP6_RENEW], 10, 12);
	assert_true(ours(LEASED6));
	is(server6.nr[DHCP6_SOLICIT], 1);
	netdev_set_carrier(&a.dev, false);
	pass(SEC);
	assert_true(ours(LEASED6));
	netdev_set_carrier(&a.dev, true);
	pass(1);
	is(server6.nr[DHCP6_REBIND], 1);
	assert_false(server6.was_named);
	dhcp6_stop(&a.dev);
	pass(SEC);
	is(server6.nr[DHCP6_RELEASE], 1);
	assert_false(ours(LEASED6));
	is(dhcp6_start(&a.dev), 0);
	pass(3 * SEC);
	assert_true(ours(LEASED6));
}

static void test_no_answer6(void **state)
{
	(void)state;
	is(dhcp6_start(&a.dev), 0);
	pass(5 * SEC);
	server6.deaf = true;
	advertise(ND_MANAGED);
	pass(100 * SEC); /* at 1, 2, 4, 8... seconds */
	assert_in_range(server6.nr[DHCP6_SOLICIT], 6, 8);
	server6.deaf = false;
	pass(80 * SEC);
	assert_true(ours(LEASED6));
	/* It goes away: renewing from 500 s on, rebinding from 800 s on, over at 2,000 s. */
	server6.deaf = true;
	pass(900 * SEC);
	assert_in_range(server6.nr[DHCP6_RENEW], 4, 6);
	assert_in_range(server6.nr[DHCP6_REBIND], 1, 6);
	assert_true(ours(LEASED6));
	pass(1800 * SEC);
	assert_false(ours(LEASED6));
	assert_false(dhcp6_is_bound(&a.dev));
	server6.deaf = false;
	pass(3700 * SEC);
	assert_true(ours(LEASED6));
	/* It knows us no more. */
	server6.status = 3;
	pass(1000 * SEC);
	assert_false(ours(LEASED6));
	server6.status = 0;
	pass(3700 * SEC);
	assert_true(ours(LEASED6));
}

static void test_names6(void **state)
{
	(void)state;
	is(dhcp6_start(&a.dev), 0);
	pass(5 * SEC);
	advertise(ND_OTHER);
	pass(2 * SEC);
	is(server6.nr[DHCP6_INFORM], 1);
	is(server6.nr[DHCP6_SOLICIT], 0);
	is(nr_advised, 1);
	assert_string_equal(advice.search, "lan.home x");
	pass(90000 * SEC);
	is(server6.nr[DHCP6_INFORM], 2); /* a day */
}

/* ---- messages ---- */

static bool read_options(const void *options, unsigned len, struct dhcp4_answer *out)
{
	uint8_t bytes[1024] = { 0 };
	struct dhcp4_header *h = (void *)bytes;

	h->operation = DHCP4_ANSWER;
	h->hardware_type = 1;
	h->hardware_len = 6;
	h->cookie = be32_of(DHCP4_COOKIE);
	memcpy(h->your, (const uint8_t[4]){ 10, 1, 2, 3 }, 4);
	memcpy(h->file, "\x1a\x02\x05\xdc\xff", 5);
	memcpy(bytes + sizeof(*h), options, len);
	return dhcp4_read(bytes, (uint32_t)sizeof(*h) + len, out);
}

#define READ(options) read_options(options, sizeof(options) - 1, &x)

static void test_messages(void **state)
{
	struct dhcp4_answer x;

	(void)state;
	assert_false(READ("\xff"));
	assert_false(READ("\x35\x02\x05\x05\xff"));
	assert_true(READ("\x35\x01\x05\xff"));
	is(x.type, DHCP4_ACK);
	is(x.bits, 8); /* the class's */
	is(x.mtu, 0);
	assert_true(READ("\x35\x01\x05\x34\x01\x01\x00\x00\xff")); /* the file's field has more */
	is(x.mtu, 1500);
	assert_true(READ("\x35\x01\x05\x01\x04\xff\xff\xff\x80\xff"));
	is(x.bits, 25);
	/* Routes take the router's place: 10/8 on the link, the default one. */
	assert_true(READ("\x35\x01\x05\x03\x04\x0a\x00\x00\x01\x79\x0b\x08\x0a\x00\x00\x00\x00"
			 "\x00\x0a\x00\x00\x02\xff"));
	is(x.nr_routes, 2);
	is(x.routes[0].bits, 8);
	is(x.routes[1].gateway[3], 2);
	assert_true(READ("\x35\x01\x05\x79\x03\x21\x0a\x00\xff")); /* 33 bits */
	is(x.nr_routes, 0);
	assert_true(READ("\x35\x01\x05\x0c\x05"
			 "a b\nc"));
	assert_string_equal(x.advice.host_name, "");
	assert_true(READ("\x35\x01\x05\x77\x09\x03lan\0\x02hq\0"));
	assert_string_equal(x.advice.search, "lan hq");
	assert_true(READ("\x35\x01\x05\x06\xff")); /* cut short */
	is(x.advice.nr_dns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lease, start, stop),
		cmocka_unit_test_setup_teardown(test_no_answer, start, stop),
		cmocka_unit_test_setup_teardown(test_refusal, start, stop),
		cmocka_unit_test_setup_teardown(test_link, start, stop),
		cmocka_unit_test_setup_teardown(test_strangers, start, stop),
		cmocka_unit_test_setup_teardown(test_without_memory, start, stop),
		cmocka_unit_test_setup_teardown(test_lease6, start, stop),
		cmocka_unit_test_setup_teardown(test_no_answer6, start, stop),
		cmocka_unit_test_setup_teardown(test_names6, start, stop),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
