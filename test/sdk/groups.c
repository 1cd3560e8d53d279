/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast groups by the SDK: who hears what, leaving, what cannot be joined. On the interface
 * "groups0" if there is one, for Linux's loopback delivers none of IPv6's; else on the loopback.
 */
#include "check.h"

#include <errno.h>

#define LOOPBACK_INDEX 1u
#define ROUNDS         8u

static struct hull_udp *ones, *twos, *client;
static struct hull_address one, two;
static unsigned nr_ones, nr_twos;

static uint32_t index_of_interface(void)
{
	struct hull_interface all[8];
	int nr = hull_interfaces(all, 8);

	for (int i = 0; i < nr && i < 8; i++) {
		if (strcmp(all[i].name, "groups0") == 0)
			return all[i].index;
	}
	return LOOPBACK_INDEX;
}

static struct hull_address group_of(const char *ip, uint16_t port)
{
	struct hull_address a = address_of(ip);

	a.port = port;
	a.interface = index_of_interface();
	return a;
}

static void send_to(const struct hull_address *group, const char *word)
{
	CHECK_EQUAL(hull_udp_send(client, group, word, strlen(word)), 0);
}

static void send_both(void)
{
	send_to(&one, "one");
	send_to(&two, "two");
}

static void close_all(void)
{
	hull_udp_close(ones);
	hull_udp_close(twos);
	hull_udp_close(client);
}

/* The first hears the first group only, the second the second; then both the second. */
static void heard(void)
{
	static bool has_moved;

	if (nr_ones + nr_twos == 2) {
		has_moved = false;
		for (unsigned i = 1; i < ROUNDS; i++)
			send_both();
	}
	if (nr_ones != ROUNDS || nr_twos != ROUNDS)
		return;
	if (has_moved) {
		close_all();
		return;
	}
	has_moved = true;
	nr_ones = nr_twos = 0;
	CHECK_EQUAL(hull_udp_leave(ones, &one), 0);
	CHECK_EQUAL(hull_udp_leave(ones, &one), -EADDRNOTAVAIL);
	CHECK_EQUAL(hull_udp_join(ones, &two), 0);
	one = two;
	nr_ones = nr_twos = 3; /* no first two that send the others */
	for (unsigned i = 3; i < ROUNDS; i++)
		send_to(&two, "two");
}

static void check(const struct hull_datagram *d, const struct hull_address *group, const char *word)
{
	CHECK(d->len == 3 && memcmp(d->data, word, 3) == 0);
	CHECK(hull_address_equal(&d->to, group));
}

static void got_one(struct hull_udp *u, const struct hull_datagram *d)
{
	check(d, &one, hull_address_equal(&one, &two) ? "two" : "one");
	nr_ones++;
	heard();
}

static void got_two(struct hull_udp *u, const struct hull_datagram *d)
{
	check(d, &two, "two");
	nr_twos++;
	heard();
}

static void got_none(struct hull_udp *u, const struct hull_datagram *d)
{
	CHECK(false);
}

/* Members of a port that they share, and a client who is in no group. */
static void open_all(const char *any, const char *first, const char *second)
{
	struct hull_udp_config c = { .local = address_of(any), .reuse_port = true };

	nr_ones = nr_twos = 0;
	c.received = got_one;
	CHECK_EQUAL(hull_udp_open(&c, &ones), 0);
	c.local.port = hull_udp_local(ones).port;
	c.received = got_two;
	CHECK_EQUAL(hull_udp_open(&c, &twos), 0);
	one = group_of(first, c.local.port);
	two = group_of(second, c.local.port);
	c.local.port = 0;
	c.received = got_none;
	CHECK_EQUAL(hull_udp_open(&c, &client), 0);
	CHECK_EQUAL(hull_udp_join(ones, &one), 0);
	CHECK_EQUAL(hull_udp_join(ones, &one), -EADDRINUSE);
	CHECK_EQUAL(hull_udp_join(twos, &two), 0);
	send_both();
}

static int start_v4(void *user)
{
	open_all("0.0.0.0", "239.1.2.3", "239.1.2.4");
	return 0;
}

static int start_v6(void *user)
{
	open_all("::", "ff02::4242", "ff02::4243");
	return 0;
}

static int start_v4_of_both(void *user)
{
	open_all("*", "239.1.2.3", "224.0.0.200");
	return 0;
}

/* An answer to what came to a group is sent from an address of one's own. */
static void answer(struct hull_udp *u, const struct hull_datagram *d)
{
	CHECK_EQUAL(hull_udp_reply(u, d, d->data, d->len), 0);
}

static void got_answer(struct hull_udp *u, const struct hull_datagram *d)
{
	CHECK_EQUAL(d->from.port, one.port);
	CHECK(d->from.ip[12] != one.ip[12]);
	hull_udp_close(ones);
	hull_udp_close(client);
}

static int start_answer(void *user)
{
	struct hull_udp_config c = { .local = address_of("0.0.0.0"), .received = answer };

	CHECK_EQUAL(hull_udp_open(&c, &ones), 0);
	one = group_of("239.1.2.3", hull_udp_local(ones).port);
	CHECK_EQUAL(hull_udp_join(ones, &one), 0);
	c.received = got_answer;
	CHECK_EQUAL(hull_udp_open(&c, &client), 0);
	send_to(&one, "?");
	return 0;
}

#define MOST_V4 20u

static int start_errors(void *user)
{
	struct hull_udp_config c = { .local = address_of("0.0.0.0"), .received = got_none };
	struct hull_address g = group_of("192.0.2.1", 0);

	CHECK_EQUAL(hull_udp_open(&c, &ones), 0);
	CHECK_EQUAL(hull_udp_join(ones, &g), -EINVAL);
	g = group_of("ff02::1234", 0);
	CHECK_EQUAL(hull_udp_join(ones, &g), -EINVAL);
	g = group_of("239.9.9.0", 0);
	g.interface = 12345;
	CHECK_EQUAL(hull_udp_join(ones, &g), -ENODEV);
	g.interface = index_of_interface();
	CHECK_EQUAL(hull_udp_leave(ones, &g), -EADDRNOTAVAIL);
	for (unsigned i = 0; i < MOST_V4; i++) {
		g.ip[15] = (uint8_t)i;
		CHECK_EQUAL(hull_udp_join(ones, &g), 0);
	}
	g.ip[15]++;
	CHECK_EQUAL(hull_udp_join(ones, &g), -ENOBUFS);
	hull_udp_close(ones);
	CHECK_EQUAL(hull_udp_join(ones, &g), -EBADF);
	return 0;
}

static const struct test_case cases[] = {
	{ "groups of IPv4", start_v4 },
	{ "groups of IPv6", start_v6 },
	{ "IPv4's by a socket of both", start_v4_of_both },
	{ "an answer", start_answer },
	{ "errors", start_errors },
};

int main(int argc, char **argv)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
