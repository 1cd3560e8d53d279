/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random maps, unmaps, protections, moves, advice, forks, loads and stores over six megabytes,
 * against an array that says of every page what a program must see. Now and then allocations fail:
 * an operation that fails must have changed nothing, or the array is told what it may have done.
 *	test-host-vmspace_model [SEED [STEPS]]		repeats or prolongs it
 */
#include "test/host/cmocka_all.h"

#include <asm/mman.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "test/host/machine.h"

#define NR_PAGES   16384
#define WINDOW     1536
#define BASE       0x40000000ull
#define P          PAGE_SIZE
#define FILE_PAGES WINDOW

struct model_page {
	bool mapped;
	unsigned prot;
	int file_idx;
	uint8_t value;
};

static unsigned seed = 1, steps = 12000;
static struct vmspace *vs;
static struct machine_file *file;
static struct model_page model[WINDOW];

static uaddr_t address(unsigned i)
{
	return BASE + i * P;
}

static unsigned random_below(unsigned n)
{
	return (unsigned)rand() % n;
}

static unsigned random_prot(void)
{
	static const unsigned prots[] = { MMU_READ | MMU_WRITE, MMU_READ | MMU_WRITE, MMU_READ, 0,
					  MMU_READ | MMU_EXEC };

	return prots[random_below(ARRAY_SIZE(prots))];
}

static void random_range(unsigned *first, unsigned *nr)
{
	*first = random_below(WINDOW);
	*nr = 1 + random_below(random_below(3) ? 20 : 700);
	*nr = min(*nr, WINDOW - *first);
}

static uint8_t fresh_value(int file_idx)
{
	return file_idx < 0 ? 0 : machine_file_bytes(file)[(size_t)file_idx * P];
}

static void check_page(unsigned i)
{
	const struct model_page *m = &model[i];
	uint8_t byte = 0;
	int err = machine_load(vs, address(i), &byte);

	assert_int_equal(err, !m->mapped ? -EFAULT : m->prot == 0 ? -EACCES : 0);
	if (err == 0)
		assert_int_equal(byte, m->value);
}

static void check_all(void)
{
	uint64_t mapped = 0, in_areas = 0;

	for (unsigned i = 0; i < WINDOW; i++) {
		check_page(i);
		mapped += model[i].mapped;
	}
	for (struct vm_area *a = vmspace_area_first(vs); a != NULL; a = vmspace_area_next(a))
		in_areas += (a->end - a->start) / P;
	assert_int_equal(in_areas, vs->nr_mapped);
	assert_int_equal(in_areas, mapped);
}

static void do_map(void)
{
	unsigned first, nr, prot = random_prot();
	bool from_file = random_below(3) == 0;
	struct vm_map m = { .prot = prot, .flags = VM_MAP_FIXED };
	uaddr_t out;

	random_range(&first, &nr);
	m.addr = address(first);
	m.len = nr * P;
	if (from_file) {
		m.file = machine_file_get(file);
		m.offset = random_below(FILE_PAGES - nr + 1) * P;
	}
	if (vmspace_map(vs, &m, &out) != 0)
		return;
	assert_int_equal(out, m.addr);
	for (unsigned i = 0; i < nr; i++) {
		int idx = from_file ? (int)(m.offset / P + i) : -1;

		model[first + i] = (struct model_page){ true, prot, idx, fresh_value(idx) };
	}
}

static void do_unmap(void)
{
	unsigned first, nr;

	random_range(&first, &nr);
	if (vmspace_unmap(vs, address(first), nr * P) == 0)
		memset(&model[first], 0, nr * sizeof(model[0]));
}

static void do_protect(void)
{
	unsigned first, nr, prot = random_prot();
	bool hole = false;
	int err;

	random_range(&first, &nr);
	for (unsigned i = 0; i < nr; i++)
		hole |= !model[first + i].mapped;
	err = vmspace_protect(vs, address(first), nr * P, prot);
	assert_true(err == (hole ? -ENOMEM : 0) || err == -ENOMEM);
	for (unsigned i = 0; err == 0 && i < nr; i++)
		model[first + i].prot = prot;
}

static void do_advise(void)
{
	static const int advices[] = { MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_RANDOM,
				       MADV_NORMAL };
	int advice = advices[random_below(ARRAY_SIZE(advices))], err;
	unsigned first, nr;

	random_range(&first, &nr);
	err = vmspace_advise(vs, address(first), nr * P, advice);
	if (advice != MADV_DONTNEED || err == -EAGAIN)
		return;
	for (unsigned i = first; i < first + nr; i++) {
		if (model[i].mapped)
			model[i].value = fresh_value(model[i].file_idx);
	}
}

static void do_remap(void)
{
	unsigned from, nr, to, new_nr;
	struct model_page moved[WINDOW];
	uaddr_t out;
	int err;

	random_range(&from, &nr);
	random_range(&to, &new_nr);
	out = address(to);
	err = vmspace_remap(vs, address(from), nr * P, new_nr * P, MREMAP_MAYMOVE | MREMAP_FIXED,
			    &out);
	if (err == -EINVAL || err == -EFAULT)
		return;
	if (err == -ENOMEM) { /* the target may be gone, and a tail */
		for (unsigned i = 0; i < new_nr; i++)
			model[to + i].mapped = vmspace_area_at(vs, address(to + i)) != NULL;
		for (unsigned i = 0; i < nr; i++)
			model[from + i].mapped = vmspace_area_at(vs, address(from + i)) != NULL;
		return;
	}
	assert_int_equal(err, 0);
	kmem_fail_rate(0, 0);
	for (unsigned i = 0; i < new_nr; i++) {
		moved[i] = model[from + min(i, nr - 1)];
		if (i >= nr) {
			moved[i].file_idx += moved[i].file_idx < 0 ? 0 : (int)(i - nr + 1);
			if (moved[i].file_idx >= FILE_PAGES) /* not for this test */
				assert_int_equal(vmspace_unmap(vs, address(to + i), P), 0);
			moved[i].mapped = moved[i].file_idx < FILE_PAGES;
			moved[i].value = moved[i].mapped ? fresh_value(moved[i].file_idx) : 0;
		}
	}
	memset(&model[from], 0, nr * sizeof(model[0]));
	memcpy(&model[to], moved, new_nr * sizeof(model[0]));
}

static void do_store(void)
{
	unsigned i = random_below(WINDOW), nr = random_below(4) ? 1 : random_below(600);
	uint8_t value = (uint8_t)rand();
	int err;

	for (; nr > 0 && i < WINDOW; i++, nr--) {
		err = machine_store(vs, address(i), value);
		if (err == -ENOMEM || err == -EIO)
			continue;
		assert_int_equal(err, !model[i].mapped               ? -EFAULT
				      : !(model[i].prot & MMU_WRITE) ? -EACCES
								     : 0);
		if (err == 0)
			model[i].value = value;
	}
}

/* The child sees the same; what either writes the other does not. Sometimes the child lives on. */
static void do_fork(void)
{
	struct vmspace *parent = vs, *child = vmspace_fork(vs);
	struct model_page saved[WINDOW];

	if (child == NULL)
		return;
	memcpy(saved, model, sizeof(model));
	vs = child;
	for (int i = 0; i < 5; i++)
		do_store();
	if (random_below(2)) {
		vs = parent;
		for (int i = 0; i < 5; i++) {
			struct model_page in_child[WINDOW];

			memcpy(in_child, model, sizeof(model));
			memcpy(model, saved, sizeof(model));
			do_store();
			memcpy(saved, model, sizeof(model));
			memcpy(model, in_child, sizeof(model));
		}
		vs = child;
		kmem_fail_rate(0, 0);
		check_all();
		vs = parent;
		memcpy(model, saved, sizeof(model));
		vmspace_put(child);
	} else {
		vmspace_put(parent);
	}
}

static void (*const operations[])(void) = {
	do_map,   do_map,   do_unmap, do_protect, do_protect, do_advise, do_advise,
	do_remap, do_store, do_store, do_store,   do_store,   do_store,  do_fork,
};

static void run(unsigned fail_rate)
{
	uint64_t before = page_nr_free();
	size_t objects = kmem_nr_objects();

	printf("seed %u, %u steps, failures %u in 65536\n", seed, steps, fail_rate);
	srand(seed);
	memset(model, 0, sizeof(model));
	file = machine_file_new(FILE_PAGES, false);
	vs = vmspace_new();
	vs->mmap_base = 0x80000000;
	for (unsigned step = 0; step < steps; step++) {
		kmem_fail_rate(fail_rate, seed + step);
		operations[random_below(ARRAY_SIZE(operations))]();
		kmem_fail_rate(0, 0);
		check_page(random_below(WINDOW));
		if (step % 100 == 0)
			check_all();
	}
	check_all();
	vmspace_put(vs);
	machine_file_free(file);
	assert_int_equal(kmem_nr_objects(), objects);
	assert_true(page_nr_free() + 20 >= before);
	assert_int_equal(machine_counts.tables, 0);
}

static void test_model(void **state)
{
	(void)state;
	run(0);
}

static void test_model_with_failures(void **state)
{
	(void)state;
	run(65536 / 50);
}

static int start(void **state)
{
	(void)state;
	machine_start(NR_PAGES);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_model_with_failures),
	};

	seed = argc > 1 ? (unsigned)atoi(argv[1]) : seed;
	steps = argc > 2 ? (unsigned)atoi(argv[2]) : steps;
	return cmocka_run_group_tests(tests, start, NULL);
}
