/* SPDX-License-Identifier: BSD-2-Clause */
/* Where packets go and from which address: routes, MTUs of paths, RFC 6724's examples. */
#include "test/host/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "net/ip/device.h"
#include "test/net/cable.h"
#include "test/net/world.h"

#define is(expr, value) assert_int_equal((expr), (value))
#define SEC             NSEC_PER_SEC

static struct host a;

static void pass(nsec_t ns)
{
	cable_pass(&a, NULL, ns);
}

static int start(void **state)
{
	(void)state;
	world_start(2);
	host_start(&a, 1, 0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	host_stop(&a);
	is(world_nr_objects(), 0);
	return 0;
}

/* ---- routes ---- */

static const char *gateway_to(const char *to)
{
	static const char *gateways[] = { "10.0.0.254", "10.0.0.253", "10.0.0.252", "fd00::fe",
					  "fd00::fd" };
	struct ip_query q = { .to = ip_of(to) };
	struct ip_path path;
	const char *found = "";
	int err = ip_route(&a.net, &q, &path);

	if (err == -ENETUNREACH)
		return "none";
	is(err, 0);
	if (inet_ip_equal(path.next_hop, q.to))
		found = path.is_local ? "local" : "link";
	for (unsigned i = 0; i < ARRAY_SIZE(gateways); i++) {
		if (inet_ip_equal(path.next_hop, ip_of(gateways[i])))
			found = gateways[i];
	}
	ip_path_drop(&path);
	return found;
}

static void test_routes(void **state)
{
	(void)state;
	assert_string_equal(gateway_to("8.8.8.8"), "none");
	assert_string_equal(gateway_to("2001::1"), "none");
	host_add4(&a, "10.0.0.1", 24);
	host_add6(&a, "fd00::1", 64);
	host_add_route(&a, "0.0.0.0", 0, "10.0.0.254");
	host_add_route(&a, "8.8.0.0", 16, "10.0.0.253");
	host_add_route(&a, "8.8.8.0", 24, "10.0.0.252");
	host_add_route(&a, "::", 0, "fd00::fe");
	host_add_route(&a, "2001:db8::", 32, "fd00::fd");
	assert_string_equal(gateway_to("1.1.1.1"), "10.0.0.254");
	assert_string_equal(gateway_to("8.8.9.1"), "10.0.0.253");
	assert_string_equal(gateway_to("8.8.8.8"), "10.0.0.252");
	assert_string_equal(gateway_to("10.0.0.9"), "link");
	assert_string_equal(gateway_to("10.0.0.1"), "local");
	assert_string_equal(gateway_to("127.1.2.3"), "local");
	assert_string_equal(gateway_to("2002::1"), "fd00::fe");
	assert_string_equal(gateway_to("2001:db8:1::1"), "fd00::fd");
	assert_string_equal(gateway_to("fd00::9"), "link");
	assert_string_equal(gateway_to("fd00::1"), "local");
	assert_string_equal(gateway_to("::1"), "local");
	is(net_device_set_up(&a.dev, false), 0);
	assert_string_equal(gateway_to("10.0.0.9"), "none");
	is(net_device_set_up(&a.dev, true), 0);
	assert_string_equal(gateway_to("10.0.0.9"), "link");
	assert_string_equal(gateway_to("1.1.1.1"), "none"); /* as Linux forgets them */
	assert_string_equal(gateway_to("fd00::9"), "none");
}

static void test_mtu(void **state)
{
	struct ip_query q = { .to = ip_of("10.0.0.9") };
	struct ip_path path;

	(void)state;
	host_add4(&a, "10.0.0.1", 24);
	is(ip_route(&a.net, &q, &path), 0);
	is(path.mtu, 1500);
	pmtu_learn(&a.net, q.to, 1000);
	assert_false(ip_path_is_valid(&a.net, &path));
	ip_path_drop(&path);
	is(ip_route(&a.net, &q, &path), 0);
	is(path.mtu, 1000);
	ip_path_drop(&path);
	pmtu_learn(&a.net, q.to, 1200); /* only less is believed */
	pmtu_learn(&a.net, q.to, 10);
	is(ip_route(&a.net, &q, &path), 0);
	is(path.mtu, 552);
	ip_path_drop(&path);
	pass(601 * SEC);
	is(ip_route(&a.net, &q, &path), 0);
	is(path.mtu, 1500);
	ip_path_drop(&path);
	q.to = ip_of("127.0.0.1");
	is(ip_route(&a.net, &q, &path), 0);
	is(path.mtu, 65535);
	ip_path_drop(&path);
}

/* ---- sources: RFC 6724 §10.1, of those examples that have one interface ---- */

static void test_sources(void **state)
{
	static const struct {
		const char *to, *candidates[2], *result;
	} examples[] = {
		{ "2001:db8:1::1", { "2001:db8:3::1", "fe80::1" }, "2001:db8:3::1" },
		{ "ff05::1", { "2001:db8:3::1", "fe80::1" }, "2001:db8:3::1" },
		{ "2001:db8:1::1", { "2001:db8:1::1", "2001:db8:2::1" }, "2001:db8:1::1" },
		{ "fe80::1", { "fe80::2", "2001:db8:1::1" }, "fe80::2" },
		{ "2001:db8:1::1", { "2001:db8:1::2", "2001:db8:3::2" }, "2001:db8:1::2" },
		{ "2002:c633:6401::1",
		  { "2002:c633:6401::2", "2001:db8:1::2" },
		  "2002:c633:6401::2" },
		{ "2001:db8:1::d5e3", { "2001:db8:1::2", "2001:db8:3::2" }, "2001:db8:1::2" },
		{ "ff02::1", { "fe80::5", "2001:db8:1::2" }, "fe80::5" },
		{ "10.1.2.3", { "10.1.0.1", "192.168.0.1" }, "10.1.0.1" },
	};
	uint8_t from[16];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(examples); i++) {
		for (unsigned order = 0; order < 2; order++) {
			unsigned bits = i == 8 ? 8 : 64;

			net_address_forget_v6(&a.dev);
			host_add6(&a, examples[i].candidates[order], bits);
			host_add6(&a, examples[i].candidates[!order], bits);
			assert_true(source_choose_locked(&a.net, &a.dev, ip_of(examples[i].to), 0,
							 from));
			assert_memory_equal(from, ip_of(examples[i].result), 16);
			(void)net_address_remove(&a.dev, ip_of("10.1.0.1"), 8);
			(void)net_address_remove(&a.dev, ip_of("192.168.0.1"), 8);
		}
	}
}

static void test_deprecated(void **state)
{
	struct net_address_values v = {
		.prefix_bits = 64,
		.flags = NET_ADDRESS_NO_PROBE,
		.preferred_until = world_now + 10 * SEC,
		.valid_until = world_now + 20 * SEC,
	};
	uint8_t from[16];

	(void)state;
	memcpy(v.ip, ip_of("2001:db8:1::2"), 16);
	is(net_address_add(&a.dev, &v), 0);
	host_add6(&a, "2001:db8:3::2", 64);
	assert_true(source_choose_locked(&a.net, &a.dev, ip_of("2001:db8:1::1"), 0, from));
	assert_memory_equal(from, v.ip, 16);
	pass(11 * SEC);
	assert_true(source_choose_locked(&a.net, &a.dev, ip_of("2001:db8:1::1"), 0, from));
	assert_memory_equal(from, ip_of("2001:db8:3::2"), 16);
	assert_true(net_address_is_ours(&a.net, v.ip, 0));
	pass(10 * SEC);
	assert_false(net_address_is_ours(&a.net, v.ip, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_routes, start, stop),
		cmocka_unit_test_setup_teardown(test_mtu, start, stop),
		cmocka_unit_test_setup_teardown(test_sources, start, stop),
		cmocka_unit_test_setup_teardown(test_deprecated, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
