/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The launch record's writer (launch/launch.h), read back by the rules of abi/hull/launch.h; and
 * the option parser on the table of `hull run`.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"
#include "launch/launch.h"
#include "cli/run/run.h"

/* The item's payload, checked; *at moves on. NULL at the end. */
static const char *next_item(const struct launch *launch, size_t *at, struct launch_item *item)
{
	const char *payload;

	if (*at == launch->len)
		return NULL;
	assert_true(*at % 8 == 0 && launch->len - *at >= sizeof(*item));
	memcpy(item, launch->bytes + *at, sizeof(*item));
	payload = launch->bytes + *at + sizeof(*item);
	*at += sizeof(*item) + ((item->len_bytes + 7) & ~7ull);
	assert_true(*at <= launch->len);
	for (const char *p = payload + item->len_bytes; p < launch->bytes + *at; p++)
		assert_int_equal(*p, 0);
	return payload;
}

static void test_empty_record(void **state)
{
	struct launch launch = { 0 };
	struct launch_header header;

	(void)state;
	assert_int_equal(launch_end(&launch), 0);
	assert_int_equal(launch.len, sizeof(header));
	memcpy(&header, launch.bytes, sizeof(header));
	assert_true(header.magic == LAUNCH_MAGIC && header.version == LAUNCH_VERSION);
	assert_int_equal(header.nr_items, 0);
	launch_fini(&launch);
}

static void test_round_trip(void **state)
{
	const uint32_t groups[3] = { 1, 2, 3 };
	const struct launch_mount mount = { .type = LAUNCH_MOUNT_VIRTIOFS, .flags = 1 };
	struct launch launch = { 0 };
	struct launch_header header;
	struct launch_item item;
	size_t at = sizeof(header);
	struct launch_cred cred;
	const char *payload;
	char *big = malloc(100001);

	(void)state;
	memset(big, 'x', 100000);
	big[100000] = '\0';
	launch_add_string(&launch, LAUNCH_ARG, "");
	launch_add_string(&launch, LAUNCH_ARG, big);
	launch_add_mount(&launch, &mount, "v0", "/data");
	launch_add_cred(&launch, 1000, 100, groups, 3);
	assert_int_equal(launch_end(&launch), 0);
	memcpy(&header, launch.bytes, sizeof(header));
	assert_int_equal(header.nr_items, 4);
	assert_int_equal(header.size_bytes, launch.len);

	payload = next_item(&launch, &at, &item);
	assert_true(item.kind == LAUNCH_ARG && item.len_bytes == 1 && payload[0] == '\0');
	payload = next_item(&launch, &at, &item);
	assert_true(item.len_bytes == 100001);
	assert_string_equal(payload, big);
	payload = next_item(&launch, &at, &item);
	assert_true(item.kind == LAUNCH_MOUNT && item.len_bytes == sizeof(mount) + 9);
	assert_memory_equal(payload, &mount, sizeof(mount));
	assert_memory_equal(payload + sizeof(mount), "v0\0/data", 9);
	payload = next_item(&launch, &at, &item);
	assert_int_equal(item.len_bytes, sizeof(cred) + sizeof(groups));
	memcpy(&cred, payload, sizeof(cred));
	assert_true(cred.uid == 1000 && cred.gid == 100 && cred.nr_groups == 3);
	assert_memory_equal(payload + sizeof(cred), groups, sizeof(groups));
	assert_null(next_item(&launch, &at, &item));
	launch_fini(&launch);
	free(big);
}

static const struct command command = { .name = "run", .options = run_option_rows };

static void release(struct run_options *options)
{
	for (unsigned i = 0; i < options->nr_volumes; i++)
		free(options->volumes[i].host);
	free(options->env);
}

/* Parses a NULL-terminated command line; returns the parser's result. */
static int parse(struct run_options *options, int *rest, const char *first, ...)
{
	char *argv[32] = { (char *)"run" };
	int argc = 1;
	va_list args;

	va_start(args, first);
	for (const char *arg = first; arg; arg = va_arg(args, const char *))
		argv[argc++] = (char *)arg;
	va_end(args);
	*options = (struct run_options){ 0 };
	return options_parse(&command, argc, argv, options, rest);
}

static void test_options(void **state)
{
	struct run_options options;
	int rest;

	(void)state;
	assert_int_equal(
		parse(&options, &rest, "-m64M", "--verbose", "-v", "/a:/b/:ro", "prog", "-v", NULL),
		0);
	assert_int_equal(rest, 5);
	assert_true(options.memory_bytes == 64 << 20 && options.verbose);
	assert_string_equal(options.volumes[0].guest, "/b");
	assert_true(options.volumes[0].read_only);
	release(&options);
	assert_int_equal(
		parse(&options, &rest, "--accel=tcg", "--strace=f", "-qe", "A=b", "--", "-x", NULL),
		0);
	assert_int_equal(rest, 6);
	assert_true(options.accel == ACCEL_TCG && options.quiet && options.strace);
	assert_string_equal(options.env[0], "A=b");
	assert_string_equal(options.strace_file, "f");
	release(&options);
	assert_int_equal(parse(&options, &rest, "--strace", "prog", NULL), 0);
	assert_true(options.strace && !options.strace_file && rest == 2);
}

static void test_memory_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t mib;
	} sizes[] = {
		{ "8", 8 },  { "8M", 8 },        { "1g", 1024 }, { "1GiB", 1024 }, { "2048K", 2 },
		{ "1K", 1 }, { "", 0 },          { "0", 0 },     { "-1", 0 },      { "M", 0 },
		{ "3x", 0 }, { "99999999T", 0 }, { "1MM", 0 },   { "1.5G", 0 },
	};
	struct run_options options;
	int rest;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int err = parse(&options, &rest, "-m", sizes[i].text, "p", NULL);

		assert_int_equal(err, sizes[i].mib ? 0 : EXIT_USAGE);
		if (!err)
			assert_int_equal(options.memory_bytes, sizes[i].mib << 20);
	}
}

static void test_cpu_counts(void **state)
{
	static const struct {
		const char *text;
		unsigned nr;
	} counts[] = {
		{ "1", 1 },  { "064", 64 }, { "0", 0 },   { "65", 0 },
		{ "-1", 0 }, { " 1", 0 },   { "2x", 0 },  { "18446744073709551617", 0 },
		{ "", 0 },   { "+1", 0 },   { "1.0", 0 },
	};
	struct run_options options;
	int rest;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int err = parse(&options, &rest, "-c", counts[i].text, "p", NULL);

		assert_int_equal(err, counts[i].nr ? 0 : EXIT_USAGE);
		if (!err)
			assert_int_equal(options.nr_cpus, counts[i].nr);
	}
}

static void test_bad_options(void **state)
{
	struct run_options options;
	int rest;

	(void)state;
	assert_int_equal(parse(&options, &rest, "--nonsense", NULL), EXIT_USAGE);
	assert_int_equal(parse(&options, &rest, "-Z", NULL), EXIT_USAGE);
	assert_int_equal(parse(&options, &rest, "-m", NULL), EXIT_USAGE);
	assert_int_equal(parse(&options, &rest, "--no-patch=1", NULL), EXIT_USAGE);
	assert_int_equal(parse(&options, &rest, "--accel", "magic", NULL), EXIT_USAGE);
	assert_int_equal(parse(&options, &rest, "-v", "/a", NULL), EXIT_USAGE);
	assert_int_equal(parse(&options, &rest, "-v", "/a:b", NULL), EXIT_USAGE);
	assert_int_equal(parse(&options, &rest, "-v", "/a:/b:rx", NULL), EXIT_USAGE);
	assert_int_equal(parse(&options, &rest, "-e", "=x", NULL), EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_record), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_options),      cmocka_unit_test(test_memory_sizes),
		cmocka_unit_test(test_cpu_counts),   cmocka_unit_test(test_bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
