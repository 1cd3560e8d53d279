/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmap(2) and munmap(2) of anonymous memory: zero fill, holes, partial unmaps, sizes,
	 bad arguments.
 */
#include <stdint.h>
#include <sys/mman.h>
#include "check.h"

#define PAGE 4096ul

static char *map(size_t len, int prot, int flags)
{
	return mmap(NULL, len, prot, flags | MAP_ANONYMOUS, -1, 0);
}

static bool all_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i])
			return false;
	}
	return true;
}

static void test_zero_fill(void)
{
	char *p = map(64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	CHECK(p != MAP_FAILED);
	CHECK_EQ((uintptr_t)p % PAGE, 0);
	CHECK(all_zero(p, 64 * PAGE));
	memset(p, 0x5a, 64 * PAGE);
	CHECK_EQ(p[64 * PAGE - 1], 0x5a);
	CHECK_EQ(munmap(p, 64 * PAGE), 0);
	p = map(64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(all_zero(p, 64 * PAGE));
	CHECK_EQ(munmap(p, 64 * PAGE), 0);
}

static void test_partial_unmap(void)
{
	char *p = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	unsigned char vec[8];

	memset(p, 1, 8 * PAGE);
	CHECK_EQ(munmap(p + 2 * PAGE, 3 * PAGE), 0);
	CHECK_EQ(p[2 * PAGE - 1], 1);
	CHECK_EQ(p[5 * PAGE], 1);
	CHECK_ERR(mincore(p, 8 * PAGE, vec), ENOMEM);
	CHECK_EQ(munmap(p + 2 * PAGE, 3 * PAGE), 0); /* nothing there: no error */
	CHECK_EQ(munmap(p, 8 * PAGE), 0);
	CHECK_ERR(mincore(p, PAGE, vec), ENOMEM);
}

static void test_odd_sizes(void)
{
	char *p = map(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	p[PAGE - 1] = 7;
	CHECK_EQ(p[PAGE - 1], 7);
	CHECK_EQ(munmap(p, 1), 0);
	CHECK_ERR(map(0, PROT_READ, MAP_PRIVATE), EINVAL);
	CHECK_ERR(map(SIZE_MAX - PAGE, PROT_READ, MAP_PRIVATE), ENOMEM);
	CHECK_ERR(map(1ul << 47, PROT_READ, MAP_PRIVATE | MAP_NORESERVE), ENOMEM);
}

static void test_bad_arguments(void)
{
	char *p = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERR(mmap(p + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		  EINVAL);
	CHECK_ERR(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERR(munmap(p, 0), EINVAL);
	CHECK_EQ(munmap(p, PAGE), 0);
}

static void test_large_sparse(void)
{
	size_t len = 1ul << 33;
	char *p = map(len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);

	CHECK(p != MAP_FAILED);
	p[0] = 1;
	p[len / 2] = 2;
	p[len - 1] = 3;
	CHECK(p[0] == 1 && p[len / 2] == 2 && p[len - 1] == 3);
	CHECK_EQ(munmap(p, len), 0);
}

static void test_populate(void)
{
	char *p = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE);
	unsigned char vec[16];
	int resident = 0;

	CHECK_EQ(mincore(p, 16 * PAGE, vec), 0);
	for (int i = 0; i < 16; i++)
		resident += vec[i] & 1;
	CHECK_EQ(resident, 16);
	munmap(p, 16 * PAGE);
	p = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	p[0] = 9;
	CHECK_EQ(p[0], 9);
	munmap(p, PAGE);
}

int main(void)
{
	test_zero_fill();
	test_partial_unmap();
	test_odd_sizes();
	test_bad_arguments();
	test_large_sparse();
	test_populate();
	return check_done();
}
