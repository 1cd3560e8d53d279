/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator and kernel memory: a stress against a model, zeroing, exhaustion, corruption.
 */
#include "test/host/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sched/thread.h"
#include "mm/alloc/kmem.h"
#include "test/host/machine.h"

#define NR_PAGES 4096

static int start(void **state)
{
	(void)state;
	machine_start(NR_PAGES);
	return 0;
}

struct block {
	struct page *p;
	unsigned order;
	uint8_t mark;
};

static void check_block(const struct block *b)
{
	const uint8_t *bytes = page_to_ptr(b->p);

	assert_int_equal(bytes[0], b->mark);
	assert_int_equal(bytes[(PAGE_SIZE << b->order) - 1], b->mark);
}

static void take_block(struct block *b)
{
	bool zero = rand() % 2;
	uint8_t *bytes;

	b->order = rand() % 4 ? 0 : (unsigned)rand() % 7;
	b->p = page_alloc(b->order, zero ? PAGE_ALLOC_ZERO : 0);
	if (b->p == NULL)
		return;
	bytes = page_to_ptr(b->p);
	assert_true(is_aligned(page_to_paddr(b->p), PAGE_SIZE << b->order));
	assert_int_equal(b->p->refs, 1);
	for (size_t i = 0; zero && i < PAGE_SIZE << b->order; i += 64)
		assert_int_equal(bytes[i], 0);
	b->mark = (uint8_t)rand();
	memset(bytes, b->mark, PAGE_SIZE << b->order);
}

static void test_buddy(void **state)
{
	enum { N = 600 };
	static struct block blocks[N];
	uint64_t before = page_nr_free();

	(void)state;
	srand(5);
	for (int step = 0; step < 60000; step++) {
		struct block *b = &blocks[rand() % N];

		if (b->p == NULL) {
			take_block(b);
			continue;
		}
		check_block(b);
		if (b->order == 0)
			page_put(b->p);
		else
			page_free(b->p, b->order);
		b->p = NULL;
	}
	for (int i = 0; i < N; i++) {
		if (blocks[i].p != NULL)
			page_free(blocks[i].p, blocks[i].order);
	}
	assert_int_equal(page_nr_free(), before);
}

/* Everything can be had, once, and given back; then large blocks can be had again. */
static void test_exhaustion(void **state)
{
	static struct page *pages[2 * NR_PAGES];
	uint64_t before = page_nr_free();
	struct page *big;
	size_t n = 0;

	(void)state;
	while ((pages[n] = page_alloc(0, 0)) != NULL)
		n++;
	assert_true(n > before - 300 && n < before); /* the rest is for those who cannot wait */
	assert_non_null(pages[n] = page_alloc(0, PAGE_ALLOC_NOWAIT));
	assert_null(page_alloc(1, 0));
	for (size_t i = 0; i <= n; i++)
		page_put(pages[i]);
	assert_int_equal(page_nr_free(), before);
	big = page_alloc(10, 0);
	assert_non_null(big);
	page_free_range(big + 7, 1024 - 7);
	page_free_range(big, 7);
	assert_int_equal(page_nr_free(), before);
}

static void test_huge(void **state)
{
	uint64_t before = page_nr_free();
	struct page *p = page_alloc_huge();

	(void)state;
	assert_non_null(p);
	assert_true(is_aligned(page_to_paddr(p), HUGE_SIZE));
	assert_ptr_equal(page_head(p + 77), p);
	page_put(p);
	assert_int_equal(page_nr_free(), before);
	p = page_alloc_huge();
	page_split_huge(p);
	for (int i = 0; i < 512; i++)
		page_put(p + i);
	assert_int_equal(page_nr_free(), before);
}

static void test_kmem(void **state)
{
	enum { N = 500 };
	static struct {
		uint8_t *at;
		size_t size;
		uint8_t mark;
	} objects[N];
	size_t before = kmem_nr_objects();
	uint64_t free_before = page_nr_free();

	(void)state;
	for (int step = 0; step < 60000; step++) {
		int i = rand() % N;
		size_t size = rand() % 20 ? (size_t)rand() % 3000 : (size_t)rand() % 40000;

		if (objects[i].at == NULL) {
			objects[i].at = kmem_alloc(size);
			objects[i].size = size;
			objects[i].mark = (uint8_t)rand();
			assert_non_null(objects[i].at);
			assert_true(is_aligned((uintptr_t)objects[i].at, 16));
			assert_true(kmem_size(objects[i].at) >= size);
			for (size_t k = 0; k < size; k++)
				assert_int_equal(objects[i].at[k], 0);
			memset(objects[i].at, objects[i].mark, size);
			continue;
		}
		for (size_t k = 0; k < objects[i].size; k++)
			assert_int_equal(objects[i].at[k], objects[i].mark);
		kmem_free(objects[i].at);
		objects[i].at = NULL;
	}
	for (int i = 0; i < N; i++) {
		kmem_free(objects[i].at);
		objects[i].at = NULL;
	}
	assert_int_equal(kmem_nr_objects(), before);
	assert_true(page_nr_free() + 40 > free_before); /* a spare slab a class */
}

static void test_kmem_resize(void **state)
{
	char *s = kmem_string("some text"), *t;

	(void)state;
	for (size_t size = 20; size < 20000; size += size / 3) {
		t = kmem_resize(s, size);
		assert_non_null(t);
		assert_string_equal(t, "some text");
		assert_int_equal(t[size - 1], 0);
		s = t;
	}
	kmem_fail_at(1);
	assert_null(kmem_resize(s, 100000));
	assert_string_equal(s, "some text");
	kmem_free(s);
	assert_null(kmem_alloc_array(SIZE_MAX / 2, 3));
}

static void overrun(void)
{
	char *p = kmem_alloc(40);

	memset(p, 1, kmem_size(p) + 1);
	kmem_free(p);
}

static void free_twice(void)
{
	char *p = kmem_alloc(40);

	kmem_free(p);
	kmem_free(p);
}

static void free_inside(void)
{
	char *p = kmem_alloc(100);

	kmem_free(p + 16);
}

static void free_large_twice(void)
{
	char *p = kmem_alloc(10000);

	kmem_free(p);
	kmem_free(p);
}

/* A child does it: it must end in panic(). */
static void expect_panic(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		close(2);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_corruption(void **state)
{
	(void)state;
	expect_panic(overrun);
	expect_panic(free_twice);
	expect_panic(free_inside);
	expect_panic(free_large_twice);
}

static void test_kstack(void **state)
{
	vaddr_t stacks[40];
	uint64_t before;

	(void)state;
	for (int round = 0; round < 3; round++) {
		before = page_nr_free();
		for (int i = 0; i < 40; i++) {
			stacks[i] = kstack_new();
			assert_true(stacks[i] >= KVIRT_BASE + PAGE_SIZE && stacks[i] < KVIRT_END);
			for (int k = 0; k < i; k++)
				assert_true(stacks[i] >= stacks[k] + KSTACK_SIZE + PAGE_SIZE ||
					    stacks[k] >= stacks[i] + KSTACK_SIZE + PAGE_SIZE);
		}
		for (int i = 0; i < 40; i++)
			kstack_free(stacks[i]);
	}
	assert_int_equal(page_nr_free(), before); /* a few stay mapped, always as many */
	for (uint64_t n = 1; n < 20; n++) {
		for (int i = 0; i < 9; i++)
			stacks[i] = kstack_new();
		kmem_fail_at(n);
		stacks[9] = kstack_new();
		kmem_fail_at(0);
		for (int i = 0; i < 10; i++) {
			if (stacks[i] != 0)
				kstack_free(stacks[i]);
		}
	}
	assert_int_equal(page_nr_free(), before);
}

static void test_device(void **state)
{
	char *a = kmem_map_device(0xfee00123, 16), *b = kmem_map_device(0xfec00000, 8192);

	(void)state;
	assert_int_equal((uintptr_t)a % PAGE_SIZE, 0x123);
	assert_true(b >= a + PAGE_SIZE);
	assert_null(kmem_map_device(0, KVIRT_END - KVIRT_BASE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buddy),       cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_huge),        cmocka_unit_test(test_kmem),
		cmocka_unit_test(test_kmem_resize), cmocka_unit_test(test_corruption),
		cmocka_unit_test(test_kstack),      cmocka_unit_test(test_device),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
