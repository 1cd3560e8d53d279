/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For programs that test the SDK: each case runs a loop of its own, and prints one line, which must
 * be the same by either backend, on the host and in Hull. What is wrong is said on stderr.
 */
#pragma once
#include <hull.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	int (*start)(void *user);
};

static int nr_wrong;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			nr_wrong++; \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
		} \
	} while (0)

#define CHECK_EQUAL(a, b) \
	do { \
		long long a_ = (long long)(a), b_ = (long long)(b); \
		if (a_ != b_) { \
			nr_wrong++; \
			fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a, \
				a_, b_); \
		} \
	} while (0)

/* FNV-1a, of a whole that comes in pieces. */
static inline uint64_t hash_more(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}
#define HASH_FIRST 0xcbf29ce484222325ull

/* Bytes that are another for each seed. */
static inline void fill(void *to, size_t len, uint32_t seed)
{
	uint8_t *p = to;
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		p[i] = (uint8_t)x;
	}
}

static inline struct hull_address address_of(const char *text)
{
	struct hull_address a;

	if (hull_address_parse(text, 0, &a) != 0)
		abort();
	return a;
}

/* main's: all cases, or those that the arguments name. */
static inline int run_cases(const struct test_case *cases, size_t nr, int argc, char **argv)
{
	for (size_t i = 0; i < nr; i++) {
		bool wanted = argc < 2;
		int was = nr_wrong, status;

		for (int n = 1; n < argc; n++)
			wanted |= strcmp(argv[n], cases[i].name) == 0;
		if (!wanted)
			continue;
		status = hull_loop_run(cases[i].start, NULL);
		CHECK_EQUAL(status, 0);
		printf("%s %s\n", nr_wrong == was ? "ok" : "not ok", cases[i].name);
		fflush(stdout);
	}
	return nr_wrong == 0 ? 0 : 1;
}
