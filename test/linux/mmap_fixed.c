/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where mmap(2) puts things: hints, MAP_FIXED over existing mappings, MAP_FIXED_NOREPLACE,
	 low addresses.
 */
#include <stdint.h>
#include <sys/mman.h>
#include "check.h"

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static void test_fixed_replaces(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

	memset(p, 1, 4 * PAGE);
	CHECK(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + PAGE);
	CHECK_EQ(p[PAGE - 1], 1);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[2 * PAGE], 1);
	munmap(p, 4 * PAGE);
}

static void test_noreplace(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

	p[0] = 5;
	CHECK_ERR(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	CHECK_ERR(mmap(p - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	CHECK_EQ(p[0], 5);
	munmap(p + PAGE, PAGE);
	CHECK(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + PAGE);
	munmap(p, 4 * PAGE);
}

static void test_hint(void)
{
	char *p = mmap(NULL, 16 * PAGE, RW, ANON, -1, 0), *q;

	munmap(p, 16 * PAGE);
	q = mmap(p + 4 * PAGE, PAGE, RW, ANON, -1, 0);
	CHECK(q == p + 4 * PAGE); /* free: the hint is taken */
	p = mmap(q, PAGE, RW, ANON, -1, 0);
	CHECK(p != MAP_FAILED && p != q); /* taken: somewhere else */
	munmap(p, PAGE);
	p = mmap(q + PAGE + 100, PAGE, RW, ANON, -1, 0);
	CHECK_EQ((uintptr_t)p % PAGE, 0);
	munmap(p, PAGE);
	munmap(q, PAGE);
}

static void test_limits(void)
{
	uintptr_t top = 0x7ffffffff000ul;

	CHECK_ERR(mmap((void *)top, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERR(mmap((void *)0xffff800000000000ul, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERR(munmap((void *)0xffffffff80000000ul, PAGE), EINVAL);
	CHECK_ERR(munmap((void *)(top - PAGE), 4 * PAGE), EINVAL);
	CHECK(mmap((void *)0x10000000ul, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) ==
	      (void *)0x10000000ul);
	munmap((void *)0x10000000ul, PAGE);
}

static void test_32bit(void)
{
	char *p = mmap(NULL, PAGE, RW, ANON | MAP_32BIT, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK((uintptr_t)p < 1ul << 31);
	munmap(p, PAGE);
}

static void test_neighbours_grow_together(void)
{
	char *p = mmap(NULL, 8 * PAGE, PROT_NONE, ANON, -1, 0);

	for (int i = 0; i < 8; i++)
		mmap(p + i * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	memset(p, 3, 8 * PAGE);
	CHECK_EQ(p[8 * PAGE - 1], 3);
	CHECK_EQ(munmap(p, 8 * PAGE), 0); /* one call takes all of them */
}

int main(void)
{
	test_fixed_replaces();
	test_noreplace();
	test_hint();
	test_limits();
	test_32bit();
	test_neighbours_grow_together();
	return check_done();
}
