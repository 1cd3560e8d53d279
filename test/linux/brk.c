/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * brk(2): the raw call's convention (it returns the break, changed or not), zero fill, shrinking.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "check.h"
#include "fault.h"

#define PAGE 4096ul

static uintptr_t raw_brk(uintptr_t to)
{
	return (uintptr_t)syscall(SYS_brk, to);
}

int main(void)
{
	uintptr_t start, top;
	char *p;

	/* malloc must not move the break between our own calls */
	setvbuf(stdout, NULL, _IONBF, 0);
	start = raw_brk(0);
	CHECK(start != 0);
	CHECK_EQ(raw_brk(1), start); /* below the start: refused, says where it is */
	top = (start + PAGE - 1) & ~(PAGE - 1);
	CHECK_EQ(raw_brk(top + 4 * PAGE), top + 4 * PAGE);
	p = (char *)top;
	CHECK(p[0] == 0 && p[4 * PAGE - 1] == 0);
	memset(p, 1, 4 * PAGE);
	CHECK_EQ(raw_brk(top + PAGE), top + PAGE);
	CHECK_EQ(fault_of(FAULT_READ, p + PAGE), SIGSEGV);
	CHECK_EQ(p[PAGE - 1], 1);
	CHECK_EQ(raw_brk(top + 2 * PAGE), top + 2 * PAGE);
	CHECK_EQ(p[PAGE], 0); /* grown again: fresh zeros */
	CHECK_EQ(raw_brk(top + 2 * PAGE + 13), top + 2 * PAGE + 13);
	CHECK_EQ(raw_brk(0), top + 2 * PAGE + 13);
	CHECK_EQ(p[2 * PAGE + 12], 0);
	CHECK_EQ(raw_brk(UINTPTR_MAX - PAGE), top + 2 * PAGE + 13);
	CHECK_EQ(raw_brk(start), start);
	CHECK(sbrk(0) != (void *)-1);
	return check_done();
}
