/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The launch record's reader, which kernel and command share: what the writer wrote comes back, and
 * of a record with flipped bits or cut short nothing outside is read.
 */
#include "test/host/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "launch/launch.h"
#include "lib/launch_record.h"

static void write_record(struct launch *launch)
{
	const struct launch_mount root = { .type = LAUNCH_MOUNT_EROFS };
	const struct launch_stream out = { .fd = 1, .kind = STREAM_CONSOLE };
	const struct launch_ports ports = { .control = 0 };
	const uint32_t groups[] = { 4, 5, 6 };

	*launch = (struct launch){ .nr_items = 0 };
	launch_add_string(launch, LAUNCH_PROGRAM, "/bin/program");
	launch_add_string(launch, LAUNCH_ARG, "program");
	launch_add_string(launch, LAUNCH_ARG, "");
	launch_add_string(launch, LAUNCH_ENV, "A=b");
	launch_add_cred(launch, 1, 2, groups, 3);
	launch_add_mount(launch, &root, "", "/");
	launch_add(launch, LAUNCH_STREAM, &out, sizeof(out));
	launch_add(launch, LAUNCH_PORTS, &ports, sizeof(ports));
	launch_add(launch, LAUNCH_FILL, NULL, 4096 - (launch->len + 2 * 16) % 4096);
	launch_add(launch, LAUNCH_EROFS, "root", 4);
	assert_int_equal(launch_end(launch), 0);
}

static void test_what_was_written(void **state)
{
	struct launch_record r;
	struct launch launch;
	const char *why;
	size_t at = 0;

	(void)state;
	write_record(&launch);
	assert_int_equal(launch_record_read(&r, launch.bytes, launch.len, &why), 0);
	assert_string_equal(r.program, "/bin/program");
	assert_string_equal(r.cwd, "/");
	assert_string_equal(launch_record_string(&r, LAUNCH_ARG, &at), "program");
	assert_string_equal(launch_record_string(&r, LAUNCH_ARG, &at), "");
	assert_null(launch_record_string(&r, LAUNCH_ARG, &at));
	assert_int_equal(r.cred->groups[2], 6);
	assert_int_equal(r.nr_mounts, 1);
	assert_int_equal(r.streams[1]->kind, STREAM_CONSOLE);
	assert_memory_equal(r.root, "root", 4);
	assert_int_equal(((const char *)r.root - launch.bytes) % 4096, 0);
	launch_fini(&launch);
}

/* All that a user of the record would touch. */
static size_t look_at_all(const struct launch_record *r)
{
	size_t sum = strlen(r->program) + strlen(r->cwd), at = 0;
	const char *s;

	while ((s = launch_record_string(r, LAUNCH_ARG, &at)) != NULL)
		sum += strlen(s);
	for (unsigned i = 0; i < r->nr_mounts; i++)
		sum += strlen(r->mounts[i].source) + strlen(r->mounts[i].target) +
		       r->mounts[i].mount->type;
	for (uint32_t i = 0; r->cred != NULL && i < r->cred->nr_groups; i++)
		sum += r->cred->groups[i];
	for (size_t i = 0; i < r->root_len; i++)
		sum += ((const uint8_t *)r->root)[i];
	return sum + r->ports->control;
}

static void test_damaged(void **state)
{
	struct launch_record r;
	struct launch launch;
	unsigned nr_read = 0;
	const char *why;

	(void)state;
	srand(1);
	write_record(&launch);
	for (int round = 0; round < 20000; round++) {
		size_t len = rand() % 4 ? launch.len : (size_t)rand() % launch.len;
		char *copy = malloc(len); /* exactly: the sanitizer sees the byte behind */

		memcpy(copy, launch.bytes, len);
		for (int i = rand() % 4; i >= 0 && len > 512; i--)
			copy[rand() % 512] ^= (char)(1 << rand() % 8);
		if (launch_record_read(&r, copy, len, &why) == 0) {
			nr_read++;
			(void)look_at_all(&r);
		}
		free(copy);
	}
	assert_in_range(nr_read, 100, 19000);
	launch_fini(&launch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_written),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
