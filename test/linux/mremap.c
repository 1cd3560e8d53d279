/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mremap(2): grow in place and by moving, shrink, MREMAP_FIXED, MREMAP_DONTUNMAP,
	 and what is refused.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include "check.h"
#include "fault.h"

#define PAGE 4096ul
#define RW   (PROT_READ | PROT_WRITE)

static char *map(size_t pages)
{
	return mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void test_grow(void)
{
	char *p = map(8), *q;

	memset(p, 1, 8 * PAGE);
	munmap(p + 4 * PAGE, 4 * PAGE);
	q = mremap(p, 4 * PAGE, 8 * PAGE, 0);
	CHECK(q == p); /* room after it: grown in place */
	CHECK_EQ(q[4 * PAGE - 1], 1);
	CHECK_EQ(q[4 * PAGE], 0);
	mmap(p + 4 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK_ERR(mremap(p, 4 * PAGE, 1024 * PAGE, 0), ENOMEM);
	q = mremap(p, 4 * PAGE, 1024 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	CHECK_EQ(q[4 * PAGE - 1], 1);
	CHECK_EQ(q[1024 * PAGE - 1], 0);
	CHECK_EQ(fault_of(FAULT_READ, p), SIGSEGV);
	munmap(q, 1024 * PAGE);
	munmap(p, 8 * PAGE);
}

static void test_shrink(void)
{
	char *p = map(8);

	memset(p, 2, 8 * PAGE);
	CHECK(mremap(p, 8 * PAGE, 3 * PAGE, 0) == p);
	CHECK_EQ(p[3 * PAGE - 1], 2);
	CHECK_EQ(fault_of(FAULT_READ, p + 3 * PAGE), SIGSEGV);
	munmap(p, 8 * PAGE);
}

static void test_fixed(void)
{
	char *p = map(2), *to = map(4);

	memset(p, 3, 2 * PAGE);
	memset(to, 4, 4 * PAGE);
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE) == to + PAGE);
	CHECK_EQ(to[0], 4);
	CHECK_EQ(to[PAGE], 3);
	CHECK_EQ(to[3 * PAGE], 4);
	CHECK_EQ(fault_of(FAULT_READ, p), SIGSEGV);
	munmap(to, 4 * PAGE);
}

static void test_dontunmap(void)
{
	char *p = map(2), *q;

	memset(p, 5, 2 * PAGE);
	/* raw: glibc leaves the fifth argument undefined, and the kernel looks at it */
	q = (char *)syscall(SYS_mremap, p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
			    0);
	CHECK(q != MAP_FAILED && q != p);
	CHECK_EQ(q[0], 5);
	CHECK_EQ(p[0], 0);
	munmap(p, 2 * PAGE);
	munmap(q, 2 * PAGE);
}

static void test_errors(void)
{
	char *p = map(4), *q = map(4);

	CHECK_ERR(mremap(p + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EINVAL);
	CHECK_ERR(mremap(p, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
	CHECK_ERR(mremap(p, PAGE, PAGE, 0x80), EINVAL);
	CHECK_ERR(mremap(p, PAGE, PAGE, MREMAP_FIXED, q), EINVAL);
	CHECK_ERR(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL);
	munmap(p, PAGE);
	CHECK_ERR(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	munmap(p, 4 * PAGE);
	munmap(q, 4 * PAGE);
}

static void test_file(void)
{
	FILE *f = tmpfile();
	char *p, *q;

	CHECK_EQ(ftruncate(fileno(f), 4 * PAGE), 0);
	CHECK_EQ(pwrite(fileno(f), "tail", 4, 3 * PAGE), 4);
	p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fileno(f), 0);
	q = mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK(!memcmp(q + 3 * PAGE, "tail", 4));
	munmap(q, 4 * PAGE);
	fclose(f);
}

int main(void)
{
	test_grow();
	test_shrink();
	test_fixed();
	test_dontunmap();
	test_errors();
	test_file();
	return check_done();
}
