/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of IPv4 packets on their way to libslirp: in order, out of order, overlapping, too long,
 * malformed, several packets at a time, and at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>
#include "monitor/net/reassembly.h"

#define LINK     14u
#define IP       20u
#define MORE     0x2000u
#define BODY_MAX 65535u

static struct reassembly *r;
static uint8_t frame[REASSEMBLY_FRAME_MAX];
static uint8_t body[BODY_MAX];
static const uint8_t *got; /* what came out */
static size_t got_len;

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static unsigned sum_of(const uint8_t *header, unsigned len)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < len; i += 2)
		sum += get16(header + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* A frame of its own size, so that the sanitizer sees a byte too many. */
static void add(const uint8_t *bytes, size_t len)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(len);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	got_len = len;
	got = reassembly_add(r, copy, &got_len);
}

/* `options`: bytes of them in the header. */
static size_t make(unsigned id, unsigned field, unsigned options, unsigned len)
{
	uint8_t *ip = frame + LINK;
	unsigned header = IP + options;

	memset(frame, 0, LINK + header);
	frame[12] = 8;
	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 2, header + len);
	put16(ip + 4, id);
	put16(ip + 6, field);
	ip[9] = 17;
	memset(ip + IP, 1, options);
	put16(ip + 10, sum_of(ip, header));
	memcpy(ip + header, body + (field & 0x1fff) * 8 % BODY_MAX, len);
	return LINK + header + len;
}

static void piece(unsigned id, unsigned from, unsigned len, bool more)
{
	add(frame, make(id, from / 8 | (more ? MORE : 0), 0, len));
}

static void expect_whole(unsigned len, unsigned options)
{
	assert_non_null(got);
	assert_int_equal(got_len, LINK + IP + options + len);
	assert_int_equal(get16(got + LINK + 2), IP + options + len);
	assert_int_equal(get16(got + LINK + 6), 0);
	assert_int_equal(sum_of(got + LINK, IP + options), 0);
	assert_memory_equal(got + LINK + IP + options, body, len);
}

static int start(void **state)
{
	(void)state;
	r = calloc(1, sizeof(*r));
	for (unsigned i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7 + i / 256);
	return r == NULL;
}

static int stop(void **state)
{
	(void)state;
	free(r);
	return 0;
}

static void test_passes_the_rest(void **state)
{
	size_t len = make(1, 0x4000, 0, 100);

	(void)state;
	add(frame, len);
	assert_non_null(got);
	assert_int_equal(got_len, len);
	frame[12] = 0x86;
	frame[LINK + 6] = 0x20;
	add(frame, len);
	assert_non_null(got);
	add(frame, LINK);
	assert_non_null(got);
}

static void test_in_order(void **state)
{
	(void)state;
	piece(1, 0, 800, true);
	assert_null(got);
	piece(1, 800, 800, true);
	assert_null(got);
	piece(1, 1600, 33, false);
	expect_whole(1633, 0);
	piece(1, 1600, 33, false); /* it is gone */
	assert_null(got);
}

static void test_options_of_the_first(void **state)
{
	(void)state;
	add(frame, make(1, MORE, 8, 80));
	piece(1, 80, 10, false);
	expect_whole(90, 8);
}

static void test_out_of_order(void **state)
{
	(void)state;
	piece(1, 800, 100, false);
	assert_null(got);
	piece(1, 0, 400, true);
	piece(1, 800, 100, false); /* a hole: lost */
	assert_null(got);
	piece(1, 400, 400, true);
	assert_null(got);
	piece(1, 0, 800, true);
	piece(1, 400, 400, true); /* over what is there: lost */
	piece(1, 800, 100, false);
	assert_null(got);
}

static void test_several(void **state)
{
	(void)state;
	for (unsigned id = 0; id < NR_REASSEMBLED + 1; id++)
		piece(id, 0, 80, true);
	piece(0, 80, 8, false); /* its place was taken */
	assert_null(got);
	for (unsigned id = 1; id < NR_REASSEMBLED + 1; id++) {
		piece(id, 80, 8, false);
		expect_whole(88, 0);
	}
}

static void test_too_long(void **state)
{
	unsigned most = 65535 - IP;

	(void)state;
	piece(1, 0, 65000, true);
	piece(1, 65000, most - 65000, false);
	expect_whole(most, 0);
	piece(1, 0, 65000, true);
	piece(1, 65000, most - 65000 + 1, false);
	assert_null(got);
}

static void expect_lost(unsigned at, unsigned value)
{
	size_t len = make(9, MORE, 0, 80);

	frame[LINK + at] = (uint8_t)value;
	put16(frame + LINK + 10, 0);
	put16(frame + LINK + 10, sum_of(frame + LINK, IP));
	add(frame, len);
	assert_null(got);
	piece(9, 80, 8, false);
	assert_null(got);
}

static void test_malformed(void **state)
{
	(void)state;
	expect_lost(0, 0x44);
	expect_lost(0, 0x65);
	expect_lost(0, 0x4f); /* the header is longer than its checksum covers */
	expect_lost(2, 0xff); /* longer than the frame */
	expect_lost(3, 20);   /* nothing behind the header */
	make(9, MORE, 0, 80);
	frame[LINK + 11] ^= 1;
	add(frame, LINK + IP + 80);
	piece(9, 80, 8, false);
	assert_null(got);
}

static void test_random(void **state)
{
	unsigned whole = 0;

	(void)state;
	srandom(1);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned field = (unsigned)random() % 8 | ((unsigned)random() % 2 ? MORE : 0);
		size_t len = make((unsigned)random() % 10, field, (unsigned)random() % 11 * 4,
				  (unsigned)random() % 5 * 8);

		if (random() % 8 == 0)
			frame[LINK + (unsigned)random() % 20] = (uint8_t)random();
		if (random() % 8 == 0)
			len = (size_t)random() % (len + 1);
		add(frame, len < LINK ? LINK : len);
		whole += got != NULL;
		if (got != NULL && got_len > LINK + IP)
			assert_true(got_len <= REASSEMBLY_FRAME_MAX);
	}
	assert_true(whole > 1000);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_passes_the_rest), TEST(test_in_order), TEST(test_options_of_the_first),
		TEST(test_out_of_order),    TEST(test_several),  TEST(test_too_long),
		TEST(test_malformed),       TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
