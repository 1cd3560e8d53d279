/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP messages of the SDK: however a request is cut in pieces it says the same, and any bytes at
 * all are read within their bounds. */
#include "sdk/http/message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADS 200000
#define MOST  16384u

/* In memory of just that size: what is read behind it is seen. */
static int read_all(const char *bytes, size_t len, struct http_head *h)
{
	struct http_scan scan = { 0 };
	char *copy = malloc(len);
	int n;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	n = hull_http_read_head(copy, len, MOST, &scan, h);
	free(copy);
	return n;
}

static int read_piecewise(const char *bytes, size_t len, struct http_head *h)
{
	struct http_scan scan = { 0 };
	int n = 0;

	for (size_t to = 1; to <= len && n == 0; to++) {
		char *copy = malloc(to);

		assert_non_null(copy);
		memcpy(copy, bytes, to);
		n = hull_http_read_head(copy, to, MOST, &scan, h);
		free(copy);
	}
	return n;
}

static void is_slice(const char *bytes, struct http_slice s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(bytes + s.at, text, s.len);
}

static void a_request(void **state)
{
	(void)state;
	static const char bytes[] =
		"\r\nPUT http://h:1/a/b?c=d&e HTTP/1.1\r\nHost: h:1\r\nX-Y:\t z \t\r\n"
		"content-LENGTH: 12\r\nConnection: foo, Close\r\n\r\nbody";
	struct http_head h, again;
	int n = read_all(bytes, sizeof(bytes) - 1, &h);

	assert_int_equal(n, (int)sizeof(bytes) - 1 - 4);
	is_slice(bytes, h.method, "PUT");
	is_slice(bytes, h.path, "/a/b");
	is_slice(bytes, h.query, "c=d&e");
	assert_int_equal(h.nr_fields, 4);
	is_slice(bytes, hull_http_find_field(&h, bytes, "x-y")->value, "z");
	assert_null(hull_http_find_field(&h, bytes, "x"));
	assert_true(h.has_length && h.length == 12 && !h.keeps_alive && h.minor == 1);
	assert_int_equal(read_piecewise(bytes, sizeof(bytes) - 1, &again), n);
	assert_memory_equal(&h, &again,
			    offsetof(struct http_head, fields) + 4 * sizeof(h.fields[0]));
}

static size_t one_of(char *to, const char *const *texts, size_t nr)
{
	const char *text = texts[(size_t)rand() % nr];

	memcpy(to, text, strlen(text));
	return strlen(text);
}

#define ONE_OF(to, ...) \
	one_of(to, (const char *const[]){ __VA_ARGS__ }, \
	       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* One that is nearly right. */
static size_t make_head(char *to)
{
	size_t n = ONE_OF(to, "GET ", "POST ", "OPTIONS ", "\r\n", "G(T ", "CONNECT ");

	n += ONE_OF(to + n, "/", "*", "/a?b=c", "http://x/y", "https://", "h:1", "/%zz");
	n += ONE_OF(to + n, " HTTP/1.1\r\n", " HTTP/1.1\r\n", " HTTP/1.0\r\n", " HTTP/2.0\r\n",
		    "\r\n");
	for (int i = rand() % 6; i > 0; i--)
		n += ONE_OF(to + n, "Host: x\r\n", "Content-Length: 5\r\n", "A:b\r\n",
			    "Transfer-Encoding: chunked\r\n", "Connection: close,, keep-alive\r\n",
			    "Expect: 100-continue\r\n", " x\r\n", ":\r\n", "A: \t \r\n");
	n += ONE_OF(to + n, "\r\n", "\r\n", "\n", "\r", "");
	for (int i = rand() % 4; i > 0 && n > 0; i--)
		if (rand() % 2 == 0)
			to[(size_t)rand() % n] = (char)rand();
	return n;
}

static bool is_within(const struct http_slice *s, int n)
{
	return s->at + (size_t)s->len <= (size_t)n;
}

static void any_heads(void **state)
{
	(void)state;
	char bytes[512];

	srand(1);
	for (int i = 0; i < HEADS; i++) {
		struct http_head h, again;
		size_t len = make_head(bytes);
		int n = read_all(bytes, len, &h);

		if (i % 16 ==
		    0) /* what is refused early may have been refused for something else */
			assert_true(n < 0 ? read_piecewise(bytes, len, &again) < 0
					  : read_piecewise(bytes, len, &again) == n);
		if (n <= 0)
			continue;
		assert_true(is_within(&h.method, n) && is_within(&h.path, n) &&
			    is_within(&h.query, n));
		assert_true(!(h.has_length && h.is_chunked) && (h.has_host || h.minor == 0));
		for (unsigned f = 0; f < h.nr_fields; f++)
			assert_true(is_within(&h.fields[f].name, n) &&
				    is_within(&h.fields[f].value, n));
	}
}

/* The body's bytes; -1: refused; -2: not whole. */
static int read_body(const char *bytes, size_t len, size_t piece, char *to)
{
	struct http_chunks k = { .state = HTTP_CHUNK_SIZE };
	struct http_slice data;
	size_t at = 0, have = 0, used;
	int n = 0;

	while (k.state != HTTP_CHUNK_DONE) {
		char *copy = malloc(have - at + 1);

		assert_non_null(copy);
		memcpy(copy, bytes + at, have - at);
		used = 0;
		if (hull_http_read_chunks(&k, copy, have - at, &used, &data) != 0)
			n = -1;
		else
			memcpy(to + n, copy + data.at, data.len);
		free(copy);
		if (n < 0)
			return -1;
		n += (int)data.len;
		at += used;
		assert_true(at <= have);
		if (used == 0 && have == len)
			return -2;
		if (used == 0)
			have = have + piece < len ? have + piece : len;
	}
	return n;
}

static void chunks(void **state)
{
	(void)state;
	static const char body[] =
		"4\r\nWiki\r\n0A;x=y\r\npedia in c\r\n1\r\nh\r\n0\r\nA: b\r\n\r\n";
	char whole[100], pieces[100];

	for (size_t piece = 1; piece < sizeof(body); piece++) {
		assert_int_equal(read_body(body, sizeof(body) - 1, piece, pieces), 15);
		assert_memory_equal(pieces, "Wikipedia in ch", 15);
	}
	srand(2);
	for (int i = 0; i < HEADS; i++) {
		char bytes[sizeof(body)];
		int n;

		memcpy(bytes, body, sizeof(body));
		for (int k = rand() % 3; k >= 0; k--)
			bytes[(size_t)rand() % (sizeof(body) - 1)] = (char)rand();
		n = read_body(bytes, sizeof(body) - 1, sizeof(body), whole);
		assert_int_equal(read_body(bytes, sizeof(body) - 1, 1 + (size_t)rand() % 9, pieces),
				 n);
		if (n > 0)
			assert_memory_equal(whole, pieces, (size_t)n);
	}
}

static void percent(void **state)
{
	(void)state;
	char to[8];

	assert_int_equal(hull_http_decode("a%2fb+", 6, false, to, sizeof(to)), 4);
	assert_string_equal(to, "a/b+");
	assert_int_equal(hull_http_decode("+%41", 4, true, to, sizeof(to)), 2);
	assert_string_equal(to, " A");
	assert_int_equal(hull_http_decode("%4", 2, true, to, sizeof(to)), -EINVAL);
	assert_int_equal(hull_http_decode("%00", 3, true, to, sizeof(to)), -EINVAL);
	assert_int_equal(hull_http_decode("12345678", 8, true, to, sizeof(to)), -ENOSPC);
	assert_int_equal(hull_http_decode("1234567", 7, true, to, sizeof(to)), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request),
		cmocka_unit_test(any_heads),
		cmocka_unit_test(chunks),
		cmocka_unit_test(percent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
