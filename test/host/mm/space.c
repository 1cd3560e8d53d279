/* SPDX-License-Identifier: BSD-2-Clause */
/* The helpers of space.h. */
#include "test/host/mm/space.h"

#include "mm/alloc/kmem.h"

struct vmspace *vs;
static uint64_t free_before;
static size_t objects_before;

int space_start(void **state)
{
	(void)state;
	machine_start(SPACE_PAGES);
	return 0;
}

int space_set_up(void **state)
{
	(void)state;
	free_before = page_nr_free();
	objects_before = kmem_nr_objects();
	vs = vmspace_new();
	assert_non_null(vs);
	vs->mmap_base = SPACE_BASE;
	machine_use(vs);
	return 0;
}

int space_tear_down(void **state)
{
	(void)state;
	kmem_fail_at(0);
	vmspace_put(vs);
	assert_int_equal(kmem_nr_objects(), objects_before);
	assert_true(page_nr_free() + 20 >= free_before); /* slabs keep a spare each */
	assert_int_equal(machine_counts.tables, 0);
	return 0;
}

uaddr_t map_at(uaddr_t addr, size_t len, unsigned prot, unsigned flags)
{
	struct vm_map m = { .addr = addr, .len = len, .prot = prot, .flags = flags };
	uaddr_t out = 0;

	assert_int_equal(vmspace_map(vs, &m, &out), 0);
	return out;
}

uaddr_t map_rw(size_t len)
{
	return map_at(0, len, RW, 0);
}

uaddr_t map_file(struct machine_file *f, size_t len, unsigned prot, unsigned flags)
{
	struct vm_map m = { .len = len, .prot = prot, .flags = flags, .file = machine_file_get(f) };
	uaddr_t out = 0;

	assert_int_equal(vmspace_map(vs, &m, &out), 0);
	return out;
}

uint8_t load(uaddr_t at)
{
	uint8_t byte = 0xcc;

	assert_int_equal(machine_load(vs, at, &byte), 0);
	return byte;
}

void store(uaddr_t at, uint8_t byte)
{
	assert_int_equal(machine_store(vs, at, byte), 0);
}

int try_load(uaddr_t at)
{
	uint8_t byte;

	return machine_load(vs, at, &byte);
}

unsigned nr_areas(void)
{
	unsigned n = 0;

	for (struct vm_area *a = vmspace_area_first(vs); a != NULL; a = vmspace_area_next(a))
		n++;
	assert_int_equal(n, vs->nr_areas);
	return n;
}
