/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mprotect(2): each permission takes effect at once, splits and merges areas, and runs new code.
 */
#include <sys/mman.h>
#include "check.h"
#include "fault.h"

#define PAGE 4096ul
#define RW   (PROT_READ | PROT_WRITE)

static char *map(size_t pages, int prot)
{
	return mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void test_permissions(void)
{
	char *p = map(1, RW);

	p[0] = 42;
	CHECK_EQ(mprotect(p, PAGE, PROT_READ), 0);
	CHECK_EQ(p[0], 42);
	CHECK_EQ(fault_of(FAULT_WRITE, p), SIGSEGV);
	CHECK_EQ(fault_info.si_code, SEGV_ACCERR);
	CHECK(fault_info.si_addr == p);
	CHECK_EQ(mprotect(p, PAGE, PROT_NONE), 0);
	CHECK_EQ(fault_of(FAULT_READ, p), SIGSEGV);
	CHECK_EQ(fault_info.si_code, SEGV_ACCERR);
	CHECK_EQ(mprotect(p, PAGE, RW), 0);
	CHECK_EQ(p[0], 42);
	CHECK_EQ(fault_of(FAULT_WRITE, p), 0);
	munmap(p, PAGE);
}

static void test_split(void)
{
	char *p = map(5, RW);

	memset(p, 7, 5 * PAGE);
	CHECK_EQ(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(p + 3 * PAGE, PAGE, PROT_NONE), 0);
	CHECK_EQ(fault_of(FAULT_WRITE, p), 0);
	CHECK_EQ(fault_of(FAULT_WRITE, p + 2 * PAGE - 1), SIGSEGV);
	CHECK_EQ(fault_of(FAULT_WRITE, p + 2 * PAGE), 0);
	CHECK_EQ(fault_of(FAULT_READ, p + 3 * PAGE), SIGSEGV);
	CHECK_EQ(fault_of(FAULT_WRITE, p + 4 * PAGE), 0);
	CHECK_EQ(mprotect(p, 5 * PAGE, RW), 0);
	CHECK_EQ(fault_of(FAULT_WRITE, p + 3 * PAGE), 0);
	CHECK_EQ(p[2 * PAGE - 1], 7);
	munmap(p, 5 * PAGE);
}

static void test_execute(void)
{
	/* mov $42,%eax; ret */
	static const unsigned char code[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 };
	char *p = map(1, RW);

	memcpy(p, code, sizeof(code));
	CHECK_EQ(fault_of(FAULT_CALL, p), SIGSEGV);
	CHECK(fault_info.si_addr == p);
	CHECK_EQ(fault_info.si_code, SEGV_ACCERR);
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(((int (*)(void))(unsigned long)p)(), 42);
	CHECK_EQ(fault_of(FAULT_WRITE, p), SIGSEGV);
	CHECK_EQ(mprotect(p, PAGE, RW), 0);
	p[1] = 43;
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(((int (*)(void))(unsigned long)p)(), 43);
	munmap(p, PAGE);
}

static void test_errors(void)
{
	char *p = map(4, RW);

	CHECK_ERR(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	CHECK_EQ(mprotect(p, 0, PROT_READ), 0);
	munmap(p + PAGE, PAGE);
	CHECK_ERR(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
	CHECK_ERR(mprotect(p, PAGE, 0x40), EINVAL);
	CHECK_ERR(mprotect((void *)0xffffffff80000000ul, PAGE, PROT_READ), ENOMEM);
	munmap(p, 4 * PAGE);
}

int main(void)
{
	test_permissions();
	test_split();
	test_execute();
	test_errors();
	return check_done();
}
