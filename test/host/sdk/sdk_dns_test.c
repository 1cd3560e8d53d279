/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS messages of the SDK: names, what is written is read again, and any bytes at all. */
#include "sdk/dns/message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES 200000

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *text, *shown; /* NULL: refused */
	} all[] = {
		{ "example.org", "example.org" },
		{ "Example.ORG.", "example.org" },
		{ ".", "." },
		{ "", NULL },
		{ "..", NULL },
		{ ".org", NULL },
		{ "a..b", NULL },
		{ "_sip._tcp.example", "_sip._tcp.example" },
		{ "a b", "a\\032b" },
		{ "123456789012345678901234567890123456789012345678901234567890123",
		  "123456789012345678901234567890123456789012345678901234567890123" },
		{ "1234567890123456789012345678901234567890123456789012345678901234", NULL },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char text[DNS_TEXT_MAX];
		struct dns_name n;
		int err = hull_dns_name_parse(all[i].text, &n);

		assert_int_equal(err, all[i].shown == NULL ? -EINVAL : 0);
		if (err == 0)
			assert_string_equal(hull_dns_name_text(&n, text), all[i].shown);
	}
}

/* 255 bytes in wire form, and one more. */
static void longest_name(void **state)
{
	(void)state;
	char text[300] = "", most[DNS_TEXT_MAX];
	struct dns_name n;

	for (int i = 0; i < 127; i++)
		strcat(text, "a.");
	assert_int_equal(hull_dns_name_parse(text, &n), 0);
	assert_int_equal(n.len, 255);
	assert_int_equal(strlen(hull_dns_name_text(&n, most)), 253);
	strcat(text, "a");
	assert_int_equal(hull_dns_name_parse(text, &n), -EINVAL);
}

static size_t write_some(uint8_t *to, size_t room)
{
	struct dns_writer w = { .bytes = to, .room = room };
	const struct dns_header h = {
		.id = 7, .flags = DNS_ANSWER, .nr_questions = 1, .nr_answers = 2, .nr_additional = 1
	};
	struct dns_question q = { .type = DNS_TYPE_A, .class = DNS_CLASS_IN };

	assert_int_equal(hull_dns_name_parse("www.example.org", &q.name), 0);
	hull_dns_write_header(&w, &h);
	hull_dns_write_question(&w, &q);
	for (int i = 0; i < 2; i++) {
		hull_dns_write_u16(&w, 0xc000 | DNS_HEADER); /* the question's name */
		hull_dns_write_u16(&w, DNS_TYPE_A);
		hull_dns_write_u16(&w, DNS_CLASS_IN);
		hull_dns_write_u32(&w, 3600);
		hull_dns_write_u16(&w, 4);
		hull_dns_write_bytes(&w, "\xc0\x00\x02\x01", 4);
	}
	hull_dns_write_edns(&w, DNS_EDNS_MAX);
	assert_int_equal(w.is_full, w.len < 76);
	return w.len;
}

static void round_trip(void **state)
{
	(void)state;
	uint8_t bytes[200];
	struct dns_reader r = { .bytes = bytes, .len = write_some(bytes, sizeof(bytes)) };
	struct dns_question q;
	struct dns_record record;
	struct dns_header h;

	assert_true(hull_dns_read_header(&r, &h));
	assert_int_equal(h.nr_answers, 2);
	assert_true(hull_dns_read_question(&r, &q));
	for (int i = 0; i < 2; i++) {
		assert_true(hull_dns_read_record(&r, &record));
		assert_true(hull_dns_name_equal(&record.name, &q.name));
		assert_int_equal(record.ttl, 3600);
		assert_memory_equal(bytes + record.data_at, "\xc0\x00\x02\x01", 4);
	}
	assert_true(hull_dns_read_record(&r, &record));
	assert_int_equal(record.type, DNS_TYPE_OPT);
	assert_int_equal(record.class, DNS_EDNS_MAX);
	assert_int_equal(r.at, r.len);
	assert_false(hull_dns_read_record(&r, &record));
	for (size_t room = 0; room < 90; room++)
		(void)write_some(bytes, room);
}

static void read_all(const uint8_t *bytes, size_t len)
{
	struct dns_reader r = { .bytes = bytes, .len = len };
	char text[DNS_TEXT_MAX];
	struct dns_question q;
	struct dns_record record;
	struct dns_header h;

	if (!hull_dns_read_header(&r, &h))
		return;
	while (h.nr_questions-- > 0) {
		if (!hull_dns_read_question(&r, &q))
			return;
	}
	while (hull_dns_read_record(&r, &record)) {
		assert_true(record.name.len >= 1 && record.name.len <= DNS_NAME_MAX);
		assert_true(strlen(hull_dns_name_text(&record.name, text)) < DNS_TEXT_MAX);
		assert_true(record.data_at + record.data_len <= len);
	}
}

/* Each in memory of its own, so that a byte behind it is found out. */
static void any_bytes(void **state)
{
	(void)state;
	uint8_t sound[200];
	size_t all = write_some(sound, sizeof(sound));

	srandom(1);
	for (int i = 0; i < MESSAGES; i++) {
		size_t len = (size_t)random() % (all + 1);
		uint8_t *bytes = malloc(len + 1);

		memcpy(bytes, sound, len);
		for (int n = (int)(random() % 8); n > 0 && len > 0; n--)
			bytes[(size_t)random() % len] = (uint8_t)(random() % 4 == 0 ? 0xc0
										    : random());
		bytes = realloc(bytes, len == 0 ? 1 : len);
		read_all(bytes, len);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(longest_name),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
