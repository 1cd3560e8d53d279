/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings of files and of shared memory: coherence, copies, write-back, fault-around, truncation.
 */
#include "test/host/cmocka_all.h"

#include <asm/mman.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "test/host/mm/space.h"

static void test_private_file(void **state)
{
	struct machine_file *f = machine_file_new(40, false);
	uaddr_t at = map_file(f, 40 * P, RW, 0);
	uint8_t *bytes = machine_file_bytes(f);

	(void)state;
	assert_int_equal(load(at + 3 * P + 7), bytes[3 * P + 7]);
	store(at + 3 * P + 7, 0xaa);
	store(at + 4 * P, 0xbb);
	assert_int_equal(load(at + 3 * P + 7), 0xaa);
	assert_int_equal(load(at + 3 * P + 8), bytes[3 * P + 8]);
	assert_int_equal(load(at + 4 * P + 1), bytes[4 * P + 1]);
	assert_int_equal(vmspace_advise(vs, at + 3 * P, P, MADV_DONTNEED), 0);
	assert_int_equal(load(at + 3 * P + 7), bytes[3 * P + 7]);
	assert_int_equal(vmspace_unmap(vs, at, 40 * P), 0);
	machine_file_free(f);
}

static void test_fault_around(void **state)
{
	struct machine_file *f = machine_file_new(128, false);
	uaddr_t at = map_file(f, 128 * P, MMU_READ | MMU_EXEC, 0);

	(void)state;
	machine_counts.faults = 0;
	for (uaddr_t a = at; a < at + 128 * P; a += P)
		assert_int_equal(load(a), machine_file_bytes(f)[a - at]);
	assert_true(machine_counts.faults <= 16); /* fills and windows do not line up */
	assert_int_equal(vmspace_unmap(vs, at, 128 * P), 0);
	at = map_file(f, 128 * P, MMU_READ, 0);
	machine_counts.faults = 0;
	for (uaddr_t a = at; a < at + 128 * P; a += P)
		load(a);
	assert_in_range(machine_counts.faults, 2, 3); /* all cached: 64 pages a fault */
	assert_int_equal(vmspace_unmap(vs, at, 128 * P), 0);
	machine_file_free(f);
}

static void test_shared_file(void **state)
{
	struct machine_file *f = machine_file_new(10, true);
	uaddr_t at = map_file(f, 10 * P, RW, VM_SHARED);
	uaddr_t other = map_file(f, 10 * P, MMU_READ, VM_SHARED);
	uint8_t *bytes = machine_file_bytes(f), old = bytes[2 * P];

	(void)state;
	assert_int_equal(load(at + 2 * P), old);
	assert_int_equal(load(other + 2 * P), old);
	store(at + 2 * P, (uint8_t)~old);
	assert_int_equal(load(other + 2 * P), (uint8_t)~old);
	assert_int_equal(bytes[2 * P], old);
	assert_int_equal(vmspace_sync(vs, at, 10 * P, MS_SYNC), 0);
	assert_int_equal(bytes[2 * P], (uint8_t)~old);
	store(at + 2 * P, 0x11); /* still writable: no fault tells */
	assert_int_equal(vmspace_sync(vs, at, 10 * P, MS_SYNC), 0);
	assert_int_equal(bytes[2 * P], 0x11);
	store(at + 5 * P, 0x22);
	assert_int_equal(vmspace_unmap(vs, at, 10 * P), 0);
	assert_int_equal(bytes[5 * P], 0x22); /* written back with the mapping's end */
	assert_int_equal(vmspace_protect(vs, other, P, RW), 0);
	store(other, 0x33);
	assert_int_equal(vmspace_unmap(vs, other, 10 * P), 0);
	assert_int_equal(bytes[0], 0x33);
	machine_file_free(f);
}

static void test_file_modes(void **state)
{
	struct machine_file *f = machine_file_new(2, false);
	struct vm_map m = { .len = P, .prot = RW, .flags = VM_SHARED, .file = machine_file_get(f) };
	uaddr_t at;

	(void)state;
	assert_int_equal(vmspace_map(vs, &m, &at), -EACCES);
	at = map_file(f, P, MMU_READ, VM_SHARED);
	assert_int_equal(vmspace_protect(vs, at, P, RW), -EACCES);
	m.flags = 0;
	m.offset = 100;
	assert_int_equal(vmspace_map(vs, &m, &at), -EINVAL);
	assert_int_equal(machine_file_refs(f), 2);
	assert_int_equal(vmspace_unmap(vs, SPACE_BASE - P, P), 0);
	machine_file_free(f);
}

static void test_truncate(void **state)
{
	struct machine_file *f = machine_file_new(10, true);
	uaddr_t shared = map_file(f, 10 * P, RW, VM_SHARED), private = map_file(f, 10 * P, RW, 0);

	(void)state;
	for (uaddr_t off = 0; off < 10 * P; off += P) {
		load(shared + off);
		store(private + off, 1);
	}
	machine_file_resize(f, 4 * P + 100);
	assert_int_equal(try_load(shared + 5 * P), -ENXIO);
	assert_int_equal(try_load(private + 5 * P), -ENXIO);
	assert_int_equal(load(shared + 4 * P + 100), 0);
	assert_int_equal(load(private + 4 * P), 1); /* its own copy, within the file */
	machine_file_resize(f, 8 * P);
	assert_int_equal(load(shared + 5 * P), 0);
	assert_int_equal(vmspace_unmap(vs, private, 20 * P), 0);
	machine_file_free(f);
}

/* A punched hole takes the file's pages out of a private mapping, not its own copies. */
static void test_punch(void **state)
{
	struct machine_file *f = machine_file_new(10, true);
	uaddr_t at = map_file(f, 10 * P, RW, 0);

	(void)state;
	load(at + P);
	store(at + 2 * P, 5);
	memset(machine_file_bytes(f), 0, 4 * P);
	object_truncate(machine_file_object(f), 0, 4 * P);
	assert_int_equal(load(at + P), 0);
	assert_int_equal(load(at + 2 * P), 5);
	assert_int_equal(vmspace_unmap(vs, at, 10 * P), 0);
	machine_file_free(f);
}

static void test_shared_anonymous(void **state)
{
	uaddr_t at = map_at(0, 4 * P, RW, VM_SHARED);
	struct vmspace *child, *parent = vs;

	(void)state;
	store(at, 1);
	child = vmspace_fork(vs);
	assert_non_null(child);
	vs = child;
	assert_int_equal(load(at), 1);
	store(at + P, 2);
	vs = parent;
	assert_int_equal(load(at + P), 2);
	assert_int_equal(vmspace_advise(vs, at, P, MADV_REMOVE), 0);
	assert_int_equal(load(at), 0);
	vmspace_put(child);
	assert_int_equal(load(at + P), 2);
}

static void test_remap_file(void **state)
{
	struct machine_file *f = machine_file_new(20, true);
	uaddr_t at = map_file(f, 2 * P, RW, VM_SHARED), twice;

	(void)state;
	store(at + P, 0x77);
	map_at(at + 2 * P, P, MMU_READ, VM_MAP_FIXED);
	twice = at;
	assert_int_equal(vmspace_remap(vs, at, 2 * P, 20 * P, MREMAP_MAYMOVE, &at), 0);
	assert_true(at != twice);
	assert_int_equal(load(at + P), 0x77);
	assert_int_equal(load(at + 19 * P), machine_file_bytes(f)[19 * P]);
	assert_int_equal(vmspace_remap(vs, at + P, 0, 2 * P, MREMAP_MAYMOVE, &twice), 0);
	assert_int_equal(load(twice), 0x77);
	assert_int_equal(vmspace_unmap(vs, twice, 2 * P), 0);
	assert_int_equal(vmspace_unmap(vs, at, 20 * P), 0);
	assert_int_equal(machine_file_bytes(f)[P], 0x77);
	machine_file_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPACE_TEST(test_private_file),     SPACE_TEST(test_fault_around),
		SPACE_TEST(test_shared_file),      SPACE_TEST(test_file_modes),
		SPACE_TEST(test_truncate),         SPACE_TEST(test_punch),
		SPACE_TEST(test_shared_anonymous), SPACE_TEST(test_remap_file),
	};

	return cmocka_run_group_tests(tests, space_start, NULL);
}
