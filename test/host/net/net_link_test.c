/* SPDX-License-Identifier: BSD-2-Clause */
/* Two hosts on a cable: ARP and neighbours on virtual time, ping, groups, the loopback. */
#include "test/host/cmocka_all.h"

#include <linux/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "net/udp/engine.h"
#include "net/wire/checksum.h"
#include "net/wire/icmp.h"
#include "net/wire/ip.h"
#include "test/net/cable.h"
#include "test/net/world.h"

#define is(expr, value) assert_int_equal((expr), (value))

static struct host a, b;
static uint32_t few; /* bytes of a short datagram */

static int start(void **state)
{
	(void)state;
	world_start(1);
	few = 10;
	host_start(&a, 1, 0);
	host_start(&b, 2, 0);
	host_join(&a, &b);
	cable_pass(&a, &b, 5 * NSEC_PER_SEC);
	return 0;
}

/* Frames come in pages, but for their first bytes. */
static int start_in_pages(void **state)
{
	start(state);
	a.in_pages = b.in_pages = true;
	few = 1400;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	host_stop(&a);
	host_stop(&b);
	is(world_nr_objects(), 0);
	return 0;
}

/* ---- a user of UDP ---- */

static struct {
	unsigned nr, failed;
	int error;
	uint8_t bytes[70000];
	uint32_t len;
	struct udp_info info;
} heard;

static void received(struct udp *u, struct netbuf *n)
{
	(void)u;
	heard.nr++;
	heard.len = n->len;
	heard.info = *netbuf_notes(n, struct udp_info);
	netbuf_copy_out(n, 0, heard.bytes, n->len);
	netbuf_free(n);
}

static void failed(struct udp *u, const struct ip_error *e, const struct inet_address *to)
{
	(void)u, (void)to;
	heard.failed++;
	heard.error = e->error;
}

static void count(struct udp *u)
{
	(void)u;
}

static const struct udp_events events = { received, failed, count, count };

static void udp_open(struct udp *u, struct host *h, const char *address, unsigned port)
{
	struct inet_address local = { .port = (uint16_t)port };
	bool v6 = strchr(address, ':') != NULL;

	memset(u, 0, sizeof(*u));
	memset(&heard, 0, sizeof(heard));
	memcpy(local.ip, ip_of(address), sizeof(local.ip));
	udp_init(u, &h->net, &events, v6);
	is(endpoint_bind(&u->end, &local), 0);
}

static int udp_say(struct udp *u, const char *to, unsigned port, uint32_t len)
{
	struct udp_values v = { .to.port = (uint16_t)port, .is_broadcast_allowed = true };
	struct netbuf *n = netbuf_new(0);
	int err;

	memcpy(v.to.ip, ip_of(to), sizeof(v.to.ip));
	if (inet_ip_is_link_local(v.to.ip) && !inet_ip_is_v4(v.to.ip))
		v.dev_index = 2;
	for (uint32_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)(i * 7 + i / 256);

		is(netbuf_append(n, &byte, 1), 0);
	}
	err = udp_send(u, n, &v);
	net_run();
	return err;
}

static bool heard_well(uint32_t len)
{
	if (heard.len != len)
		return false;
	for (uint32_t i = 0; i < len; i++) {
		if (heard.bytes[i] != (uint8_t)(i * 7 + i / 256))
			return false;
	}
	return true;
}

static void test_datagrams(void **state)
{
	static const char *pairs[][2] = { { "10.0.0.1", "10.0.0.2" }, { "fd00::1", "fd00::2" } };
	static const uint32_t lens[] = { 0, 1, 100, 1452, 1472, 1473, 5000, 65487 };
	struct udp from, to;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	host_add4(&b, "10.0.0.2", 24);
	host_add6(&a, "fd00::1", 64);
	host_add6(&b, "fd00::2", 64);
	for (unsigned i = 0; i < 2; i++) {
		udp_open(&from, &a, pairs[i][0], 1000);
		udp_open(&to, &b, pairs[i][1], 2000);
		for (unsigned j = 0; j < ARRAY_SIZE(lens); j++) {
			memset(&heard, 0, sizeof(heard));
			is(udp_say(&from, pairs[i][1], 2000, lens[j]), 0);
			cable_settle(&a, &b);
			is(heard.nr, 1);
			assert_true(heard_well(lens[j]));
			is(heard.info.from_port, 1000);
			assert_memory_equal(heard.info.ip.from, ip_of(pairs[i][0]), 16);
		}
		is(udp_say(&from, pairs[i][1], 2000, 65528), -EMSGSIZE);
		udp_fini(&from);
		udp_fini(&to);
	}
}

static void test_nobody_there(void **state)
{
	struct udp from;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	host_add4(&b, "10.0.0.2", 24);
	host_add6(&a, "fd00::1", 64);
	host_add6(&b, "fd00::2", 64);
	udp_open(&from, &a, "0.0.0.0", 1000);
	is(udp_say(&from, "10.0.0.2", 7, few), 0);
	cable_settle(&a, &b);
	is(heard.failed, 1);
	is(heard.error, ECONNREFUSED);
	/* Nobody answers ARP: three questions, a second apart. */
	is(udp_say(&from, "10.0.0.77", 7, few), 0);
	cable_pass(&a, &b, 2900000000);
	is(heard.failed, 1);
	cable_pass(&a, &b, 200000000);
	is(heard.failed, 2);
	is(heard.error, EHOSTUNREACH);
	is(udp_say(&from, "192.0.2.1", 7, few), -ENETUNREACH);
	udp_fini(&from);
	udp_open(&from, &a, "::", 1000);
	is(udp_say(&from, "fd00::2", 7, few), 0);
	cable_settle(&a, &b);
	is(heard.failed, 1);
	is(heard.error, ECONNREFUSED);
	is(udp_say(&from, "fd00::77", 7, few), 0);
	cable_pass(&a, &b, 4 * NSEC_PER_SEC);
	is(heard.failed, 2);
	is(heard.error, EHOSTUNREACH);
	udp_fini(&from);
}

static void test_loopback(void **state)
{
	static const char *to[] = { "127.0.0.1", "127.9.8.7", "10.0.0.1", "::1", "fd00::1" };
	struct udp from, there;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	host_add6(&a, "fd00::1", 64);
	for (unsigned i = 0; i < ARRAY_SIZE(to); i++) {
		bool v6 = strchr(to[i], ':') != NULL;
		unsigned sent = a.nr_sent;

		udp_open(&from, &a, v6 ? "::" : "0.0.0.0", 1000);
		udp_open(&there, &a, to[i], 2000);
		is(udp_say(&from, to[i], 2000, v6 ? 65527 : 65507), 0);
		is(heard.nr, 1);
		assert_true(heard_well(v6 ? 65527 : 65507));
		assert_memory_equal(heard.info.ip.from, ip_of(i == 1 ? to[0] : to[i]), 16);
		is(udp_say(&from, to[i], 2001, 3), 0);
		is(heard.failed, 1);
		is(a.nr_sent, sent);
		udp_fini(&from);
		udp_fini(&there);
	}
}

/* ---- neighbours ---- */

static enum neighbour_state state_of(struct host *h, const char *ip)
{
	struct neighbour *n;

	list_foreach(&h->net.neighbours.all, n, link) {
		if (inet_ip_equal(n->ip, ip_of(ip)))
			return n->state;
	}
	return NEIGHBOUR_NONE;
}

static void test_states(void **state)
{
	static const char *of[][2] = { { "10.0.0.1", "10.0.0.2" }, { "fd00::1", "fd00::2" } };
	struct udp from, to;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	host_add4(&b, "10.0.0.2", 24);
	host_add6(&a, "fd00::1", 64);
	host_add6(&b, "fd00::2", 64);
	cable_settle(&a, &b);
	for (unsigned i = 0; i < 2; i++) {
		udp_open(&from, &a, of[i][0], 1000);
		udp_open(&to, &b, of[i][1], 2000);
		is(udp_say(&from, of[i][1], 2000, 1), 0);
		is(state_of(&a, of[i][1]), NEIGHBOUR_INCOMPLETE);
		cable_settle(&a, &b);
		is(state_of(&a, of[i][1]), NEIGHBOUR_REACHABLE);
		/* NDP's answer is sent as any packet is, ARP's is not. */
		is(state_of(&b, of[i][0]), i == 0 ? NEIGHBOUR_STALE : NEIGHBOUR_DELAY);
		cable_pass(&a, &b, 31 * NSEC_PER_SEC);
		is(state_of(&a, of[i][1]), NEIGHBOUR_STALE);
		is(udp_say(&from, of[i][1], 2000, 1), 0);
		cable_settle(&a, &b);
		is(state_of(&a, of[i][1]), NEIGHBOUR_DELAY);
		is(heard.nr, 2);
		cable_pass(&a, &b, 5 * NSEC_PER_SEC + 1000);
		is(state_of(&a, of[i][1]), NEIGHBOUR_REACHABLE);
		/* The other end is gone. */
		a.peer = NULL;
		cable_pass(&a, &b, 31 * NSEC_PER_SEC);
		is(udp_say(&from, of[i][1], 2000, 1), 0);
		cable_pass(&a, &b, 6 * NSEC_PER_SEC);
		is(state_of(&a, of[i][1]), NEIGHBOUR_PROBE);
		cable_pass(&a, &b, 4 * NSEC_PER_SEC);
		is(state_of(&a, of[i][1]), NEIGHBOUR_FAILED);
		a.peer = &b;
		is(udp_say(&from, of[i][1], 2000, 1), 0);
		cable_settle(&a, &b);
		is(state_of(&a, of[i][1]), NEIGHBOUR_REACHABLE);
		is(heard.nr, 3);
		udp_fini(&from);
		udp_fini(&to);
	}
}

static void test_queue_is_bounded(void **state)
{
	struct udp from, to;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	host_add4(&b, "10.0.0.2", 24);
	cable_settle(&a, &b);
	udp_open(&from, &a, "10.0.0.1", 1000);
	udp_open(&to, &b, "10.0.0.2", 2000);
	for (unsigned i = 0; i < 200; i++)
		is(udp_say(&from, "10.0.0.2", 2000, i), 0);
	cable_settle(&a, &b);
	is(heard.nr, 101);
	assert_true(heard_well(199));
	udp_fini(&from);
	udp_fini(&to);
}

/* A way that is kept keeps the neighbour, but nothing waits with one that has left the table. */
static void test_nothing_waits_with_the_gone(void **state)
{
	struct netbuf *late = netbuf_new(10);
	struct udp from;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	for (unsigned i = 0; i < 2; i++) {
		udp_open(&from, &a, "10.0.0.1", 1000);
		is(udp_say(&from, "10.0.0.9", 2000, 10), 0);
		assert_true(a.net.waiting_bytes > 0);
		if (i == 0)
			is(neighbour_set(&a.dev, ip_of("10.0.0.9"), NULL, NEIGHBOUR_NONE), 0);
		else
			neighbour_forget_all(&a.dev);
		is(a.net.waiting_bytes, 0);
		if (i == 0)
			neighbour_send(from.way.path.neighbour, late, ETHERNET_IP4);
		is(a.net.waiting_bytes, 0);
		is(udp_say(&from, "10.0.0.9", 2000, 10), 0); /* by another, that is asked for */
		is(state_of(&a, "10.0.0.9"), NEIGHBOUR_INCOMPLETE);
		cable_pass(&a, &b, 5 * NSEC_PER_SEC);
		is(heard.failed, 1);
		udp_fini(&from);
	}
}

/* `count` from 10.1.`from`.0 on say who they are. */
static void introduce(unsigned from, unsigned count)
{
	char ip[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(ip, sizeof(ip), "10.1.%u.%u", from + i / 256, i % 256);
		neighbour_learn(&a.dev, ip_of(ip), b.dev.mac, NEIGHBOUR_CREATE);
	}
}

static void test_table_is_bounded(void **state)
{
	const struct neighbour_family *four = &a.net.neighbours.families[0];
	struct neighbour *kept;

	(void)state;
	host_add4(&a, "10.0.0.1", 8);
	kept = neighbour_get(&a.dev, ip_of("10.1.0.3"));
	neighbour_learn(&a.dev, ip_of("fd00::9"), b.dev.mac, NEIGHBOUR_CREATE);
	introduce(0, 3000);
	is(four->nr, 1024);
	is(state_of(&a, "10.1.11.183"), NEIGHBOUR_STALE);
	is(state_of(&a, "10.1.0.0"), NEIGHBOUR_NONE);
	is(state_of(&a, "10.1.0.3"), NEIGHBOUR_STALE);
	is(state_of(&a, "fd00::9"), NEIGHBOUR_STALE);
	neighbour_put(kept);
}

/* Above gc_thresh2 what has been idle for 5 s makes room, above gc_thresh1 what was for 60. */
static void test_table_is_swept(void **state)
{
	const struct neighbour_family *four = &a.net.neighbours.families[0];

	(void)state;
	host_add4(&a, "10.0.0.1", 8);
	introduce(0, 100);
	cable_pass(&a, &b, 200 * NSEC_PER_SEC);
	is(four->nr, 100);
	introduce(1, 500); /* the first that is too much looks for room */
	is(four->nr, 599);
	is(state_of(&a, "10.1.0.0"), NEIGHBOUR_NONE);
	cable_pass(&a, &b, 10 * NSEC_PER_SEC);
	introduce(8, 1);
	is(four->nr, 599 - 32 + 1);
	cable_pass(&a, &b, 200 * NSEC_PER_SEC);
	is(four->nr, 128);
	is(state_of(&a, "10.1.8.0"), NEIGHBOUR_STALE);
	is(state_of(&a, "10.1.0.99"), NEIGHBOUR_NONE);
	a.net.settings.neighbours[0][0] = 0;
	introduce(9, 1);
	cable_pass(&a, &b, 200 * NSEC_PER_SEC);
	is(four->nr, 0);
}

static void test_broadcast(void **state)
{
	struct udp from, to, own;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	host_add4(&b, "10.0.0.2", 24);
	udp_open(&from, &a, "10.0.0.1", 1000);
	udp_open(&to, &b, "0.0.0.0", 2000);
	udp_open(&own, &a, "0.0.0.0", 2000);
	is(udp_say(&from, "10.0.0.255", 2000, 10), 0);
	cable_settle(&a, &b);
	is(heard.nr, 2); /* the sender's machine hears it too */
	is(udp_say(&from, "255.255.255.255", 2000, 10), 0);
	cable_settle(&a, &b);
	is(heard.nr, 4);
	is(udp_say(&from, "10.0.0.255", 2001, 10), 0); /* no error comes of it */
	cable_settle(&a, &b);
	is(heard.failed, 0);
	udp_fini(&from);
	udp_fini(&to);
	udp_fini(&own);
}

static void test_groups(void **state)
{
	static const char *groups[] = { "239.1.2.3", "ff02::1234" };
	struct udp from, to;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	host_add4(&b, "10.0.0.2", 24);
	host_add6(&a, "fd00::1", 64);
	host_add_route(&a, "224.0.0.0", 4, "0.0.0.0");
	for (unsigned i = 0; i < 2; i++) {
		udp_open(&from, &a, i == 0 ? "0.0.0.0" : "::", 1000);
		udp_open(&to, &b, i == 0 ? "0.0.0.0" : "::", 2000);
		is(udp_say(&from, groups[i], 2000, 10), 0);
		cable_settle(&a, &b);
		is(heard.nr, 0);
		is(net_group_join(&b.dev, ip_of(groups[i])), 0);
		is(net_group_join(&b.dev, ip_of(groups[i])), 0);
		cable_pass(&a, &b, 3 * NSEC_PER_SEC);
		is(udp_say(&from, groups[i], 2000, 3000), 0);
		cable_settle(&a, &b);
		is(heard.nr, 1);
		assert_true(heard_well(3000));
		is(net_group_leave(&b.dev, ip_of(groups[i])), 0);
		is(udp_say(&from, groups[i], 2000, 10), 0);
		cable_settle(&a, &b);
		is(heard.nr, 2);
		is(net_group_leave(&b.dev, ip_of(groups[i])), 0);
		is(net_group_leave(&b.dev, ip_of(groups[i])), -EADDRNOTAVAIL);
		is(udp_say(&from, groups[i], 2000, 10), 0);
		cable_settle(&a, &b);
		is(heard.nr, 2);
		is(net_group_join(&a.dev, ip_of(groups[i])), 0);
		udp_fini(&to);
		udp_open(&to, &a, i == 0 ? "0.0.0.0" : "::", 2000);
		is(udp_say(&from, groups[i], 2000, 10), 0);
		is(heard.nr, 1); /* what it says itself */
		udp_fini(&from);
		udp_fini(&to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_datagrams, start, stop),
		cmocka_unit_test_setup_teardown(test_datagrams, start_in_pages, stop),
		cmocka_unit_test_setup_teardown(test_nobody_there, start, stop),
		cmocka_unit_test_setup_teardown(test_nobody_there, start_in_pages, stop),
		cmocka_unit_test_setup_teardown(test_loopback, start, stop),
		cmocka_unit_test_setup_teardown(test_states, start, stop),
		cmocka_unit_test_setup_teardown(test_queue_is_bounded, start, stop),
		cmocka_unit_test_setup_teardown(test_nothing_waits_with_the_gone, start, stop),
		cmocka_unit_test_setup_teardown(test_table_is_bounded, start, stop),
		cmocka_unit_test_setup_teardown(test_table_is_swept, start, stop),
		cmocka_unit_test_setup_teardown(test_broadcast, start, stop),
		cmocka_unit_test_setup_teardown(test_groups, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
