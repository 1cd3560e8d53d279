/* SPDX-License-Identifier: BSD-2-Clause */
/* The SDK's DNS server without a network: any query, any zone; answers are sound messages. */
#include "sdk/dns/zone.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define QUERIES 200000
#define FILES   20000

static const char zone[] =
	"$TTL 1h\n@ SOA ns.a. root 1 1h 1m 1w ( ; comment\n 5m )\n NS ns\n NS ns.b.\n"
	"ns A 192.0.2.1\n AAAA 2001:db8::1\n MX 10 ns\n"
	"* TXT \"a b\" \\\"\\065\n_x._y SRV 1 2 3 ns\nc CNAME d\nd CNAME e.d\n"
	"sub NS n.sub\nn.sub A 192.0.2.2\nloop CNAME loop2\nloop2 CNAME loop\n"
	"$ORIGIN deep.example.\nx TYPE999 \\# 3 01 02 ff\n@ 5 IN PTR ns.example.\n";

static struct hull_dns_zones *load(const char *text, size_t len)
{
	struct hull_dns_zones *z = hull_dns_zones_new();
	struct hull_dns_error error = { 0, NULL };
	char *copy = malloc(len + 1);

	assert_non_null(z);
	assert_non_null(copy);
	memcpy(copy, text, len);
	if (hull_dns_load(z, "example", copy, len, &error) != 0 ||
	    hull_dns_finish(z, &error) != 0) {
		assert_non_null(error.text);
		hull_dns_zones_free(z);
		z = NULL;
	}
	free(copy);
	return z;
}

/* Each record of it can be read, and nothing is behind them. */
static void is_sound(const uint8_t *bytes, size_t len)
{
	struct dns_reader r = { bytes, len, 0 };
	struct dns_header h;
	struct dns_question q;
	struct dns_record o;
	struct dns_name target;

	assert_true(hull_dns_read_header(&r, &h));
	assert_true((h.flags & DNS_ANSWER) != 0);
	for (unsigned i = 0; i < h.nr_questions; i++)
		assert_true(hull_dns_read_question(&r, &q));
	for (unsigned i = 0; i < h.nr_answers + h.nr_authorities + (unsigned)h.nr_additional; i++) {
		assert_true(hull_dns_read_record(&r, &o));
		if (o.type == DNS_TYPE_NS || o.type == DNS_TYPE_CNAME || o.type == DNS_TYPE_PTR) {
			struct dns_reader data = { bytes, len, o.data_at };

			assert_true(hull_dns_read_name(&data, &target));
			assert_int_equal(data.at, o.data_at + o.data_len);
		}
	}
	assert_int_equal(r.at, len);
}

static size_t put_name(uint8_t *to)
{
	static const char *const labels[] = { "ns", "c", "d",    "e",  "sub", "n",       "LOOP",
					      "x",  "*", "deep", "_x", "_y",  "example", "other" };
	size_t n = 0;

	for (int i = rand() % 4; i >= 0; i--) {
		const char *label =
			i == 0 && rand() % 8 != 0
				? "example"
				: labels[(size_t)rand() % (sizeof(labels) / sizeof(labels[0]))];

		to[n++] = (uint8_t)strlen(label);
		memcpy(to + n, label, strlen(label));
		n += strlen(label);
	}
	to[n++] = 0;
	return n;
}

/* One that is nearly right. */
static size_t make_query(uint8_t *to)
{
	static const uint8_t types[] = { 1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 43, 252, 255 };
	static const uint8_t opt[11] = { 0, 0, 41, 4, 208, 0, 0, 0x80 };
	size_t n = 12;
	bool has_edns = rand() % 2 == 0;

	memset(to, 0, 12);
	to[0] = (uint8_t)rand();
	to[5] = 1;
	to[11] = has_edns;
	n += put_name(to + n);
	to[n++] = 0;
	to[n++] = types[(size_t)rand() % sizeof(types)];
	to[n++] = 0;
	to[n++] = 1;
	if (has_edns) {
		memcpy(to + n, opt, sizeof(opt));
		n += sizeof(opt);
	}
	for (int i = rand() % 4; i > 0; i--)
		if (rand() % 2 == 0)
			to[2 + (size_t)rand() % (n - 2)] = (uint8_t)rand();
	return rand() % 8 == 0 ? (size_t)rand() % (n + 1) : n;
}

static void any_queries(void **state)
{
	(void)state;
	struct hull_dns_zones *z = load(zone, sizeof(zone) - 1);
	unsigned nr_found = 0;

	assert_non_null(z);
	srand(1);
	for (int i = 0; i < QUERIES; i++) {
		uint8_t query[512];
		size_t len = make_query(query), room = rand() % 2 == 0 ? 512 : DNS_EDNS_MAX, n;
		uint8_t *copy = malloc(len + 1), *answer = malloc(room);

		assert_true(copy != NULL && answer != NULL);
		memcpy(copy, query, len);
		n = hull_dns_answer(z, &(struct hull_dns_query){ copy, len, rand() % 2 == 0 },
				    answer, room);
		assert_true(n <= room);
		if (n > 0)
			is_sound(answer, n);
		nr_found += n > 0 && answer[7] > 0;
		free(copy);
		free(answer);
	}
	assert_true(nr_found > QUERIES / 20);
	hull_dns_zones_free(z);
}

static void any_files(void **state)
{
	(void)state;
	char text[sizeof(zone)];
	struct hull_dns_zones *z;
	unsigned nr_good = 0;

	srand(2);
	for (int i = 0; i < FILES; i++) {
		size_t len = sizeof(zone) - 1;

		memcpy(text, zone, sizeof(zone));
		for (int k = rand() % 4; k > 0; k--)
			text[(size_t)rand() % len] = "\n ;()\"\\.@$*0az\t\r"[rand() % 16];
		if (rand() % 8 == 0)
			len = (size_t)rand() % len;
		z = load(text, len);
		nr_good += z != NULL;
		hull_dns_zones_free(z);
	}
	assert_true(nr_good > FILES / 10);
}

/* Enough for the table to grow, and all are found. */
static void many_names(void **state)
{
	(void)state;
	static char text[400000];
	size_t len = (size_t)sprintf(text, "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS a\n");
	struct hull_dns_zones *z;

	for (int i = 0; i < 10000; i++)
		len += (size_t)sprintf(text + len, "n%d 60 A 10.0.%d.%d\n", i, i / 256, i % 256);
	z = load(text, len);
	assert_non_null(z);
	for (int i = 0; i < 10000; i++) {
		struct dns_name name;
		char word[32];
		const struct dns_node *n;

		sprintf(word, "n%d.example", i);
		assert_int_equal(hull_dns_name_parse(word, &name), 0);
		n = hull_dns_find(z, name.bytes, name.len);
		assert_non_null(n);
		assert_int_equal(n->sets->first->bytes[3], i % 256);
	}
	hull_dns_zones_free(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_queries),
		cmocka_unit_test(any_files),
		cmocka_unit_test(many_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
