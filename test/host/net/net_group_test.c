/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What routers are told of groups and sources on virtual time: IGMPv3 (RFC 3376), MLDv2 (RFC 3810)
 * and their older versions. The same cases run for both families: groups and sources are numbers,
 * the last byte of an address. What was told is a text, a report a line:
 *
 *	to_ex 7 : 1 2		group 7 from now on from all sources but 1 and 2
 *	report 7, leave 7	the older versions' messages
 */
#include "test/host/cmocka_all.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "net/ip/deliver.h"
#include "net/wire/group.h"
#include "net/wire/icmp.h"
#include "net/wire/ip.h"
#include "test/net/cable.h"
#include "test/net/frame.h"
#include "test/net/world.h"

#define is(expr, value) assert_int_equal((expr), (value))
#define SEC             NSEC_PER_SEC
#define ETHERNET_LEN    14u
#define MANY            1000u

static struct host a;
static struct frame f;
static bool v4;

/* ---- what was told ---- */

static char told[1 << 16];
static unsigned nr_messages, nr_records;

static void note(const char *format, ...)
{
	size_t len = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + len, sizeof(told) - len, format, args);
	va_end(args);
}

static void note_report(const uint8_t *m, const uint8_t *end)
{
	static const char *const names[] = { "?",     "is_in", "is_ex", "to_in",
					     "to_ex", "allow", "block" };
	const struct group_report *h = (const void *)m;
	unsigned len = v4 ? 4 : 16;
	const uint8_t *at = (const uint8_t *)(h + 1);

	for (unsigned n = 0; n < be16_get(h->nr_records); n++) {
		const struct group_record *r = (const void *)at;

		at += sizeof(*r) + len;
		assert_in_range(r->type, 1, 6);
		note("%s%s %u", n > 0 ? ", " : "", names[r->type], at[-1]);
		nr_records++;
		for (unsigned s = 0; s < be16_get(r->nr_sources); s++) {
			at += len;
			note("%s%u", s == 0 ? " : " : " ", at[-1]);
		}
	}
	note("\n");
	assert_true(at == end);
}

static void note_message(const uint8_t *m, const uint8_t *end)
{
	unsigned group = m[v4 ? 7 : 23];

	nr_messages++;
	switch (m[0]) {
	case IGMP_REPORT_3:
	case ICMP6_GROUP_REPORT_2:
		note_report(m, end);
		break;
	case IGMP_REPORT_1:
		note("old report %u\n", group);
		break;
	case IGMP_REPORT_2:
	case ICMP6_GROUP_REPORT_1:
		note("report %u\n", group);
		break;
	case IGMP_LEAVE:
	case ICMP6_GROUP_DONE_1:
		note("leave %u\n", group);
		break;
	}
}

static bool look(struct host *from, const uint8_t *frame, uint32_t len)
{
	const struct ip4_header *h4 = (const void *)(frame + ETHERNET_LEN);
	const struct ip6_header *h6 = (const void *)(frame + ETHERNET_LEN);

	(void)from;
	if (v4 && frame[12] == 8 && h4->protocol == IPPROTO_IGMP) {
		is(h4->hops, 1);
		note_message((const uint8_t *)h4 + 24, frame + len);
	} else if (!v4 && frame[12] == 0x86 && h6->next_header == 0) {
		is(h6->hops, 1);
		note_message((const uint8_t *)(h6 + 1) + 8, frame + len);
	}
	return true;
}

static void expect_(const char *text, int line)
{
	if (strcmp(told, text) != 0)
		print_error("line %d: told:\n%sexpected:\n%s", line, told, text);
	assert_string_equal(told, text);
	told[0] = '\0';
	nr_messages = nr_records = 0;
}
#define expect(text) expect_(text, __LINE__)

static void pass(nsec_t ns)
{
	cable_pass(&a, NULL, ns);
}

/* ---- what users do ---- */

static const uint8_t *group(unsigned n)
{
	static uint8_t ip[16];
	const uint8_t *base = ip_of(v4 ? "239.1.0.0" : "ff05::");

	memcpy(ip, base, sizeof(ip));
	ip[14] = (uint8_t)(n >> 8);
	ip[15] = (uint8_t)n;
	return ip;
}

struct filter {
	struct net_sources sources;
	uint8_t ip[64][16];
};

/* "+1 2": these alone; "-1 2": all but these; NULL: no member. */
static const struct net_sources *filter(struct filter *to, const char *text)
{
	const char *at;

	if (text == NULL)
		return NULL;
	to->sources = (struct net_sources){ text[0] == '+', 0, (const void *)to->ip };
	for (at = text + 1; *at != '\0'; at += strcspn(at, " "), at += *at == ' ') {
		uint8_t *ip = to->ip[to->sources.nr++];

		memcpy(ip, ip_of(v4 ? "10.5.0.0" : "fd05::"), 16);
		ip[14] = (uint8_t)(atoi(at) >> 8);
		ip[15] = (uint8_t)atoi(at);
	}
	return &to->sources;
}

static int change(unsigned n, const char *was, const char *now)
{
	static struct filter w, x;

	return net_group_change(&a.dev, group(n), filter(&w, was), filter(&x, now));
}

/* A change, and what is told of it at once; it is told once more within a second. */
static void changes_(unsigned n, const char *was, const char *now, const char *text, int line)
{
	is(change(n, was, now), 0);
	pass(1);
	expect_(text, line);
	pass(SEC);
	expect_(text, line);
	pass(5 * SEC);
	expect_("", line);
}
#define changes(n, was, now, text) changes_(n, was, now, text, __LINE__)

static bool hears(unsigned n, unsigned source)
{
	char text[8];
	struct filter from;

	snprintf(text, sizeof(text), "+%u", source);
	filter(&from, text);
	return net_group_hears(&a.dev, group(n), from.ip[0]);
}

/* ---- what routers ask ---- */

enum { V1, V2, V3 };

static void put_sources(const char *sources)
{
	struct filter s;

	filter(&s, sources);
	frame_put_byte(&f, 0, 1);
	frame_put_byte(&f, 125, 1);
	frame_put_byte(&f, 0, 1);
	frame_put_byte(&f, s.sources.nr, 1);
	for (unsigned i = 0; i < s.sources.nr; i++)
		frame_put(&f, s.ip[i] + (v4 ? 12 : 0), v4 ? 4 : 16);
}

static void query4(int version, const uint8_t *about, const char *sources, unsigned len)
{
	frame_begin(&f, ip_of("224.0.0.1"), ETHERNET_IP4);
	frame_put_ip4(&f, ip_of("10.0.0.254"), ip_of("224.0.0.1"), IPPROTO_IGMP, len);
	frame_put_byte(&f, IGMP_QUERY, 1);
	frame_put_byte(&f, version == V1 ? 0 : 10, 1); /* a second */
	frame_put_byte(&f, 0, 2);
	frame_put(&f, about + 12, 4);
	if (version == V3)
		put_sources(sources);
	frame_sum_icmp4(&f, ETHERNET_LEN + 20);
}

static void query6(int version, const uint8_t *about, const char *sources, unsigned len)
{
	frame_begin(&f, ip_of("ff02::1"), ETHERNET_IP6);
	frame_put_ip6(&f, ip_of("fe80::99"), ip_of("ff02::1"), IPPROTO_ICMPV6, len);
	frame_set_hops(&f, 1);
	frame_put_byte(&f, ICMP6_GROUP_QUERY, 1);
	frame_put_byte(&f, 0, 3);
	frame_put_byte(&f, 1000 >> 8, 1);
	frame_put_byte(&f, 1000 & 255, 1);
	frame_put_byte(&f, 0, 2);
	frame_put(&f, about, 16);
	if (version == V3)
		put_sources(sources);
	frame_sum(&f, ETHERNET_LEN + 40, 2, IPPROTO_ICMPV6);
}

/* n 0: of all groups. sources "+" stands for none. Answers are due within a second. */
static void query(int version, unsigned n, const char *sources)
{
	static const uint8_t any[16] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *about = n != 0 ? group(n) : v4 ? any : ip_of("::");
	struct filter s;
	unsigned nr = filter(&s, sources)->nr;

	if (v4)
		query4(version, about, sources, 8 + (version == V3 ? 4 + nr * 4 : 0));
	else
		query6(version, about, sources, 24 + (version == V3 ? 4 + nr * 16 : 0));
	host_receive(&a, f.bytes, f.len);
	cable_settle(&a, NULL);
}

/* ---- the cases ---- */

static int start(void **state)
{
	v4 = *(bool *)*state;
	world_start(2);
	host_start(&a, 1, 0);
	host_add4(&a, "10.0.0.1", 24);
	a.look = look;
	pass(30 * SEC);
	/* The groups at which others ask for our addresses have been told by now. */
	told[0] = '\0';
	nr_messages = nr_records = 0;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	a.look = NULL;
	host_stop(&a);
	is(world_nr_objects(), 0);
	return 0;
}

static void test_joined_and_left(void **state)
{
	(void)state;
	changes(7, NULL, "-", "to_ex 7\n");
	is(change(7, NULL, "-"), 0); /* another user: nothing new */
	is(change(7, "-", NULL), 0);
	pass(5 * SEC);
	expect("");
	changes(7, "-", NULL, "to_in 7\n");
	is(change(7, "-", NULL), -EADDRNOTAVAIL);
	is(change(7, "+1", NULL), -EADDRNOTAVAIL);
	changes(7, NULL, "+1 2", "allow 7 : 1 2\n");
	changes(7, "+1 2", NULL, "block 7 : 1 2\n");
	changes(7, NULL, "-1 2", "to_ex 7 : 1 2\n");
	changes(7, "-1 2", NULL, "to_in 7\n");
}

/* RFC 3376 §5.1's four rows. */
static void test_sources(void **state)
{
	(void)state;
	changes(7, NULL, "+1 2", "allow 7 : 1 2\n");
	changes(7, "+1 2", "+2 3", "allow 7 : 3, block 7 : 1\n");
	changes(7, "+2 3", "-4", "to_ex 7 : 4\n");
	changes(7, "-4", "-4 5", "block 7 : 5\n");
	changes(7, "-4 5", "-5 6", "allow 7 : 4, block 7 : 6\n");
	changes(7, "-5 6", "+5", "to_in 7 : 5\n");
	changes(7, "+5", "+5 5", ""); /* named twice */
	changes(7, "+5 5", NULL, "block 7 : 5\n");
}

/* RFC 3376 §3.2: what several users make together. */
static void test_users_together(void **state)
{
	(void)state;
	changes(7, NULL, "+1 2", "allow 7 : 1 2\n");
	changes(7, NULL, "+2 3", "allow 7 : 3\n");
	assert_true(hears(7, 1) && hears(7, 2) && hears(7, 3));
	assert_false(hears(7, 4));
	assert_false(hears(8, 1));
	changes(7, NULL, "-2 4 5", "to_ex 7 : 4 5\n"); /* 2 is asked for */
	assert_true(hears(7, 2) && hears(7, 9));
	assert_false(hears(7, 4));
	changes(7, NULL, "-5 6", "allow 7 : 4\n"); /* all who leave some out leave out 5 */
	changes(7, "+1 2", NULL, "");
	changes(7, "-5 6", NULL, "block 7 : 4\n"); /* 2 still: the other user's */
	changes(7, "+2 3", NULL, "block 7 : 2\n");
	changes(7, NULL, "+3", "");
	changes(7, "-2 4 5", NULL, "to_in 7 : 3\n");
	changes(7, "+3", NULL, "block 7 : 3\n");
	assert_false(hears(7, 3));
}

/* RFC 3376 §5.1: what comes before the last was told twice is told with it. */
static void test_changes_meet(void **state)
{
	(void)state;
	is(change(7, NULL, "+1"), 0);
	pass(1);
	expect("allow 7 : 1\n");
	is(change(7, "+1", "+1 2"), 0);
	pass(1);
	expect("allow 7 : 1 2\n");
	pass(SEC);
	expect("allow 7 : 2\n");
	is(change(7, "+1 2", "-"), 0);
	pass(1);
	expect("to_ex 7\n");
	is(change(7, "-", "-9"), 0);
	pass(1);
	expect("to_ex 7 : 9\n");
	pass(SEC);
	expect("block 7 : 9\n");
	is(change(7, "-9", NULL), 0);
	pass(1);
	is(change(7, NULL, "+4"), 0); /* again, before all was told */
	pass(1);
	expect("to_in 7\nto_in 7 : 4\n");
	pass(5 * SEC);
	expect("allow 7 : 4\n");
}

static void test_queries(void **state)
{
	(void)state;
	is(change(7, NULL, "+1 2"), 0);
	is(change(8, NULL, "-3"), 0);
	is(change(9, NULL, "-"), 0);
	pass(5 * SEC);
	told[0] = '\0';
	query(V3, 7, "+");
	pass(SEC);
	expect("is_in 7 : 1 2\n");
	query(V3, 8, "+");
	pass(SEC);
	expect("is_ex 8 : 3\n");
	query(V3, 7, "+2 3");
	pass(SEC);
	expect("is_in 7 : 2\n");
	query(V3, 7, "+3 4");
	query(V3, 77, "+");
	pass(SEC);
	expect("");
	query(V3, 8, "+3 4"); /* 3 is left out, 4 heard */
	pass(SEC);
	expect("is_in 8 : 4\n");
	query(V3, 7, "+1");
	query(V3, 7, "+2");
	pass(SEC);
	expect("is_in 7 : 1 2\n");
	query(V3, 7, "+1");
	query(V3, 7, "+"); /* the group whole, which has the first in it */
	query(V3, 7, "+2");
	pass(SEC);
	expect("is_in 7 : 1 2\n");
}

/* All of it is told in one report. */
static void test_general_query(void **state)
{
	(void)state;
	is(change(7, NULL, "+1 2"), 0);
	is(change(8, NULL, "-3"), 0);
	is(change(9, NULL, "-"), 0);
	pass(5 * SEC);
	told[0] = '\0';
	nr_messages = 0;
	query(V3, 0, "+");
	pass(SEC);
	is(nr_messages, 1);
	assert_non_null(strstr(told, "is_in 7 : 1 2, is_ex 8 : 3, is_ex 9"));
	told[0] = '\0';
	pass(10 * SEC);
	expect("");
}

static void test_version_2(void **state)
{
	(void)state;
	is(change(7, NULL, "-"), 0);
	pass(5 * SEC);
	told[0] = '\0';
	query(V2, 7, "+");
	pass(SEC);
	expect("report 7\n");
	is(net_group_version(&a.dev, v4), GROUP_VERSION_2);
	is(change(8, NULL, "+1"), 0);
	pass(5 * SEC);
	expect("report 8\nreport 8\n");
	is(change(8, "+1", "+1 2"), 0); /* it has no word for that */
	is(change(8, "+1 2", "-"), 0);
	query(V3, 8, "+1"); /* a query of the new version does not bring that back (§7.2.1) */
	pass(5 * SEC);
	expect("report 8\n");
	is(change(8, "-", NULL), 0);
	pass(5 * SEC);
	expect("leave 8\nleave 8\n");
	pass(260 * SEC);
	expect("");
	is(net_group_version(&a.dev, v4), GROUP_NEWEST);
	changes(7, "-", "-1", "block 7 : 1\n");
}

static void test_version_1(void **state)
{
	(void)state;
	if (!v4)
		return; /* MLD has no such version */
	is(change(7, NULL, "-"), 0);
	pass(5 * SEC);
	told[0] = '\0';
	query(V1, 0, "+");
	pass(10 * SEC);
	expect("old report 7\n");
	is(net_group_version(&a.dev, v4), GROUP_VERSION_1);
	query(V2, 0, "+");
	pass(10 * SEC);
	expect("old report 7\n");
	is(change(7, "-", NULL), 0); /* nobody is told of that */
	pass(10 * SEC);
	expect("");
}

/* What was to be told in the new version's words is not told in the old one's. */
static void test_version_changes_meanwhile(void **state)
{
	(void)state;
	is(change(7, NULL, "-"), 0);
	is(change(8, NULL, "-"), 0);
	pass(1);
	is(change(8, "-", NULL), 0);
	told[0] = '\0';
	query(V2, 99, "+");
	pass(5 * SEC);
	assert_null(strstr(told, "to_"));
	assert_false(hears(8, 1));
	assert_true(hears(7, 1));
}

static void test_malformed_queries(void **state)
{
	(void)state;
	is(change(7, NULL, "-"), 0);
	pass(5 * SEC);
	told[0] = '\0';
	/* It says three sources and has two. */
	if (v4)
		query4(V3, group(7), "+1 2 3", 8 + 4 + 8);
	else
		query6(V3, group(7), "+1 2 3", 24 + 4 + 32);
	f.len -= v4 ? 4 : 16;
	if (v4)
		frame_sum_icmp4(&f, ETHERNET_LEN + 20);
	else
		frame_sum(&f, ETHERNET_LEN + 40, 2, IPPROTO_ICMPV6);
	host_receive(&a, f.bytes, f.len);
	pass(5 * SEC);
	expect("");
	is(net_group_version(&a.dev, v4), GROUP_NEWEST);
}

/* A router may say how often a change is told (RFC 3376 §4.1.6). */
static void test_robustness(void **state)
{
	(void)state;
	is(change(7, NULL, "-"), 0);
	pass(5 * SEC);
	told[0] = '\0';
	if (v4)
		query4(V3, group(99), "+", 8 + 4);
	else
		query6(V3, group(99), "+", 24 + 4);
	f.bytes[f.len - 4] = 4;
	if (v4) {
		memset(f.bytes + ETHERNET_LEN + 20 + 2, 0, 2);
		frame_sum_icmp4(&f, ETHERNET_LEN + 20);
	} else {
		memset(f.bytes + ETHERNET_LEN + 40 + 2, 0, 2);
		frame_sum(&f, ETHERNET_LEN + 40, 2, IPPROTO_ICMPV6);
	}
	host_receive(&a, f.bytes, f.len);
	is(change(7, "-", NULL), 0);
	pass(10 * SEC);
	expect("to_in 7\nto_in 7\nto_in 7\nto_in 7\n");
}

/* Another link may be another network: all of it is told anew. */
static void test_link_comes_back(void **state)
{
	(void)state;
	is(change(7, NULL, "-3"), 0);
	is(change(8, NULL, "+1"), 0);
	pass(5 * SEC);
	netdev_set_carrier(&a.dev, false);
	net_run();
	is(change(8, "+1", "+1 2"), 0);
	pass(5 * SEC);
	told[0] = '\0';
	netdev_set_carrier(&a.dev, true);
	net_run();
	pass(1);
	assert_non_null(strstr(told, "to_ex 7 : 3, allow 8 : 1 2"));
	pass(5 * SEC);
	told[0] = '\0';
	changes(8, "+1 2", NULL, "block 8 : 1 2\n");
}

static void test_many_groups(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= MANY; n++)
		is(change(n, NULL, "-"), 0);
	pass(5 * SEC);
	/* Each twice, in reports that are full. */
	is(nr_records, 2 * MANY);
	assert_in_range(nr_messages, 1, 60);
	told[0] = '\0';
	nr_messages = nr_records = 0;
	query(V3, 0, "+");
	pass(SEC);
	assert_in_range(nr_records, MANY, MANY + 8); /* and those of our addresses */
	assert_in_range(nr_messages, 1, 30);
	for (unsigned n = 1; n <= MANY; n++)
		is(change(n, "-", NULL), 0);
	pass(5 * SEC);
}

/* As many as there may be; and sources that take several reports. */
static void test_bounds(void **state)
{
	unsigned nr = 0;
	char text[512] = "";
	int err;

	(void)state;
	while ((err = change(1 + nr, NULL, "-")) == 0)
		nr++;
	is(err, -ENOBUFS);
	assert_in_range(nr, 4000, 4096);
	while (nr > 0)
		is(change(nr--, "-", NULL), 0);
	pass(20 * SEC);
	told[0] = '\0';
	err = 0;
	for (nr = 0; err == 0; nr += 64) {
		text[0] = '\0';
		for (unsigned i = 0; i < 64; i++)
			sprintf(text + strlen(text), "%s%u", i == 0 ? "+" : " ", nr + i);
		err = change(7, NULL, text);
	}
	is(err, -ENOBUFS);
	is(nr, 1024 + 64);
	pass(5 * SEC);
	assert_true(hears(7, 1023));
	assert_false(hears(7, 1024));
	told[0] = '\0';
	nr_messages = nr_records = 0;
	query(V3, 7, "+");
	pass(SEC);
	assert_in_range(nr_messages, v4 ? 3 : 12, v4 ? 4 : 13);
	is(nr_records, nr_messages);
	/* Whoever hears all but some: of 1024 the report names as many as fit. */
	is(change(7, NULL, "-"), 0);
	pass(1);
	nr_messages = 0;
	pass(5 * SEC);
	is(nr_messages, 1);
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 200; seed++) {
		int err;

		world_fail_rate(20000);
		err = change(7, NULL, "+1 2 3");
		world_fail_rate(0);
		assert_true(err == 0 || err == -ENOBUFS);
		is(hears(7, 2), err == 0);
		world_fail_rate(20000);
		query(V3, 7, "+1 2 3 4 5");
		pass(SEC);
		world_fail_rate(0);
		if (err == 0)
			is(change(7, "+1 2 3", NULL), 0);
		pass(5 * SEC);
		is(hears(7, 2), false);
	}
}

static bool families[] = { true, false };
#define OF_FAMILY(name, text, family) \
	{ \
#name " " text, name, start, stop, &families[family] \
	}
#define BOTH(name) OF_FAMILY(name, "IGMP", 0), OF_FAMILY(name, "MLD", 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_joined_and_left),
		BOTH(test_sources),
		BOTH(test_users_together),
		BOTH(test_changes_meet),
		BOTH(test_queries),
		BOTH(test_general_query),
		BOTH(test_version_2),
		BOTH(test_version_1),
		BOTH(test_version_changes_meanwhile),
		BOTH(test_malformed_queries),
		BOTH(test_robustness),
		BOTH(test_link_comes_back),
		BOTH(test_many_groups),
		BOTH(test_bounds),
		BOTH(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
