/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cycles of getppid(2): through a site of the form that is patched (mov $nr, then syscall) and
 * through one that cannot be (the number comes in a register). TSC cycles, the least of several
 * rounds.
 */
#include <sys/syscall.h>
#include <unistd.h>
#include "measure.h"

#define CALLS 200000

static inline void patchable(void)
{
	__asm__ volatile("movl %0,%%eax; syscall"
			 :
			 : "i"(SYS_getppid)
			 : "rax", "rcx", "r11", "memory");
}

static inline void unpatchable(void)
{
	long nr = SYS_getppid;

	__asm__ volatile("nop; syscall" : "+a"(nr) : : "rcx", "r11", "memory");
}

static double cycles_of(void (*body)(void))
{
	double best = 0;

	for (int round = 0; round < MEASURE_ROUNDS; round++) {
		uint64_t start = measure_cycles();
		double each;

		for (int i = 0; i < CALLS; i++)
			body();
		each = (double)(measure_cycles() - start) / CALLS;
		if (round == 0 || each < best)
			best = each;
	}
	return best;
}

static void loop_patchable(void)
{
	patchable();
}

static void loop_unpatchable(void)
{
	unpatchable();
}

static void loop_empty(void)
{
	__asm__ volatile("");
}

int main(void)
{
	printf("getppid-patchable %.1f cycles\n", cycles_of(loop_patchable));
	printf("getppid-syscall %.1f cycles\n", cycles_of(loop_unpatchable));
	printf("empty-loop %.1f cycles\n", cycles_of(loop_empty));
	return 0;
}
