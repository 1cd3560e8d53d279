/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's FPU state, in XSAVE's standard form (Intel SDM 1 §13.4), which is also what Linux
 * puts into signal frames. Where the processor has no XSAVE, FXSAVE's 512 bytes are all there is.
 *
 * The features are those that the host has switched on in XCR0, without the ones that need more
 * than saving (PKRU, supervisor states) or are large and need a permission (AMX).
 */
#include "arch/context.h"

#include "arch/cpu.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/x86.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define FEATURES_KNOWN 0xe7ull /* x87, SSE, AVX, and AVX-512's three */
#define FPU_FCW        0x37f
#define FPU_MXCSR      0x1f80
#define ALIGNMENT      64

static uint64_t features;                          /* [I] */
static size_t area_size;                           /* [I] */
static bool has_xsave, has_xsaveopt;               /* [I] */
static struct fpu_area initial ALIGNED(ALIGNMENT); /* [I] */

/* Each CPU has an XCR0 of its own. */
static void switch_on(void)
{
	if (!(read_cr4() & CR4_OSXSAVE))
		write_cr4(read_cr4() | CR4_OSXSAVE);
	if (!cpu_soft_kvm) /* there it is the host's, and set */
		xsetbv(0, cpuid(0xd, 0).eax & FEATURES_KNOWN);
}

static void find_features(void)
{
	features = xgetbv(0) & FEATURES_KNOWN;
	area_size = sizeof(struct fpu_area);
	for (unsigned i = 2; i < 63; i++) {
		struct cpuid c;

		if (!(features >> i & 1))
			continue;
		c = cpuid(0xd, i);
		area_size = max(area_size, (size_t)c.ebx + c.eax);
	}
	has_xsaveopt = cpuid(0xd, 1).eax & 1;
}

static void find_all(void)
{
	has_xsave = cpuid(1, 0).ecx >> 26 & 1;
	initial.fcw = FPU_FCW;
	initial.mxcsr = FPU_MXCSR;
	features = 3;
	area_size = 512;
	if (!has_xsave)
		return;
	switch_on();
	find_features();
}

/* The boot CPU's features are everybody's. */
void fpu_init_cpu(void)
{
	if (area_size == 0)
		find_all();
	else if (has_xsave)
		switch_on();
	fpu_reset();
}

void fpu_save(void *area)
{
	uint32_t low = (uint32_t)features, high = (uint32_t)(features >> 32);

	if (has_xsaveopt)
		__asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
	else if (has_xsave)
		__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void fpu_restore(const void *area)
{
	uint32_t low = (uint32_t)features, high = (uint32_t)(features >> 32);

	if (has_xsave)
		__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

int fpu_restore_checked(const void *area)
{
	return has_xsave ? fpu_xrstor(area, features) : fpu_fxrstor(area);
}

void fpu_reset(void)
{
	fpu_restore(&initial);
}

uint64_t fpu_features(void)
{
	return features;
}

size_t fpu_size(void)
{
	return area_size;
}

/* kmem aligns to 16 only: the word before the area remembers where the block begins. */
static void *area_alloc(void)
{
	void **block = kmem_alloc(area_size + ALIGNMENT + sizeof(void *));
	void **area;

	if (!block)
		return NULL;
	area = (void **)align_up((vaddr_t)(block + 1), ALIGNMENT);
	area[-1] = block;
	return area;
}

void *fpu_new(void)
{
	struct fpu_area *area = area_alloc();

	if (area)
		memcpy(area, &initial, sizeof(initial));
	return area;
}

void *fpu_copy_new(void)
{
	void *area = area_alloc();

	if (area)
		fpu_save(area);
	return area;
}

void fpu_free(void *area)
{
	if (area)
		kmem_free(((void **)area)[-1]);
}
