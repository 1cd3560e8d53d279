/* SPDX-License-Identifier: BSD-2-Clause */
/* resolv.conf(5) as the SDK reads it, and what a name is asked for as. */
#include "sdk/dns/search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct dns_config parse(const char *text)
{
	char *copy = strdup(text);
	struct dns_config c;

	assert_non_null(copy);
	hull_dns_config_parse(copy, &c);
	free(copy);
	return c;
}

static void a_file(void **state)
{
	(void)state;
	char text[HULL_ADDRESS_TEXT];
	struct dns_config c = parse("# a comment\n"
				    "nameserver 192.0.2.1\r\n"
				    "\tnameserver  2001:db8::1 # the second\n"
				    "nameserver nonsense\n"
				    "search one.example two.example.\n"
				    "domain three.example four.example\n"
				    "options rotate ndots:3 attempts:4 timeout:7 ndots:x debug\n"
				    "nameserver 192.0.2.3\n"
				    "nameserver 192.0.2.4\n"
				    "sortlist 192.0.2.0");

	assert_int_equal(c.nr_servers, 3);
	assert_string_equal(hull_address_text(&c.servers[0], text), "192.0.2.1:53");
	assert_string_equal(hull_address_text(&c.servers[1], text), "[2001:db8::1]:53");
	assert_string_equal(hull_address_text(&c.servers[2], text), "192.0.2.3:53");
	assert_int_equal(c.nr_domains, 1);
	assert_int_equal(c.nr_dots, 3);
	assert_int_equal(c.attempts, 4);
	assert_int_equal(c.timeout, 7 * HULL_SECOND);
}

static void odd_files(void **state)
{
	(void)state;
	struct dns_config c = parse("");

	assert_int_equal(c.nr_servers + c.nr_domains, 0);
	assert_int_equal(c.nr_dots, 1);
	assert_int_equal(c.attempts, 2);
	assert_int_equal(c.timeout, 5 * HULL_SECOND);
	c = parse("options ndots:99 attempts:0 timeout:999999999999999999999\nsearch");
	assert_int_equal(c.nr_dots, 15);
	assert_int_equal(c.attempts, 1);
	assert_int_equal(c.timeout, 30 * HULL_SECOND);
	c = parse("search a b c d e f g h\nnameserver\noptions");
	assert_int_equal(c.nr_domains, DNS_DOMAINS_MAX);
	c = parse("search a..b .c ok");
	assert_int_equal(c.nr_domains, 1);
}

/* All that it is asked for as, with a space between. */
static char *all_of(const struct dns_config *c, const char *name)
{
	static char all[4096];
	char text[DNS_TEXT_MAX];
	struct dns_search s;
	struct dns_name n;

	all[0] = '\0';
	assert_int_equal(hull_dns_name_parse(name, &n), 0);
	hull_dns_search_begin(&s, name, &n);
	while (hull_dns_search_next(&s, c, &n)) {
		if (all[0] != '\0')
			strcat(all, " ");
		strcat(all, hull_dns_name_text(&n, text));
	}
	assert_false(hull_dns_search_next(&s, c, &n));
	return all;
}

static void order(void **state)
{
	(void)state;
	struct dns_config c = parse("search one two.x");

	assert_string_equal(all_of(&c, "a"), "a.one a.two.x a");
	assert_string_equal(all_of(&c, "a.b"), "a.b a.b.one a.b.two.x");
	assert_string_equal(all_of(&c, "a."), "a");
	assert_string_equal(all_of(&c, "a.b."), "a.b");
	assert_string_equal(all_of(&c, "."), ".");
	c = parse("search one two.x\noptions ndots:2");
	assert_string_equal(all_of(&c, "a.b"), "a.b.one a.b.two.x a.b");
	assert_string_equal(all_of(&c, "a.b.c"), "a.b.c a.b.c.one a.b.c.two.x");
	c = parse("search one\noptions ndots:0");
	assert_string_equal(all_of(&c, "a"), "a a.one");
	c = parse("");
	assert_string_equal(all_of(&c, "a"), "a");
}

/* With a domain it may be no name any more: it is left out then. */
static void too_long(void **state)
{
	(void)state;
	struct dns_config c = parse("search short.example xyz");
	char name[300] = "";

	for (int i = 0; i < 124; i++)
		strcat(name, "a.");
	strcat(name, "a");
	assert_int_equal(strlen(all_of(&c, name)), 249 + 1 + 249 + 4);
	strcat(name, ".a");
	assert_int_equal(strlen(all_of(&c, name)), 251);
}

#define FILES 20000

static void any_files(void **state)
{
	(void)state;
	static const char *const words[] = { "nameserver", "search", "domain",  "options", "ndots:",
					     "timeout:",   " ",      "\n",      "\t",      "1",
					     "9999999999", "::1",    "1.2.3.4", "a",       ".",
					     "#",          "%",      "[",       "]:",      "\\" };
	char text[200];

	srandom(3);
	for (int i = 0; i < FILES; i++) {
		struct dns_config c;

		text[0] = '\0';
		for (long n = random() % 16; n > 0; n--)
			strcat(text, words[(size_t)random() % (sizeof(words) / sizeof(words[0]))]);
		c = parse(text);
		assert_true(c.nr_servers <= DNS_SERVERS_MAX && c.nr_domains <= DNS_DOMAINS_MAX);
		assert_true(c.attempts >= 1 && c.timeout >= HULL_SECOND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file),   cmocka_unit_test(odd_files), cmocka_unit_test(order),
		cmocka_unit_test(too_long), cmocka_unit_test(any_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
