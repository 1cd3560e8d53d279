/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's half of every address space: built once at boot, W^X.
 *
 *	DIRECT_MAP_BASE	all RAM, 2 MiB pages, RW and not executable
 *	KVIRT_BASE	stacks and device registers, by mmu_kernel_map()
 *	KERNEL_BASE	the image in 4 KiB pages: text RX, read-only data R, the rest RW
 *
 * The top-level entries are all made here, so that copying them into a new root is enough for ever.
 */
#include "abi/hull/boot.h"
#include "abi/hull/soft_kvm.h"
#include "arch/mmu.h"
#include "arch/percpu.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/pte.h"
#include "arch/x86_64/x86.h"
#include "core/panic.h"
#include "core/smp/cpu.h"
#include "lib/errno.h"
#include "mm/alloc/page.h"

_Static_assert(DIRECT_MAP_BASE == DIRECT_BASE, "one fact");

#define TOP_SHIFT  39
#define KVIRT_TOPS ((KVIRT_END - KVIRT_BASE) >> TOP_SHIFT)

uint64_t mmu_kernel_root[1024] ALIGNED(8192); /* bit 12 of its address must be clear */
static uint64_t kvirt_tables[KVIRT_TOPS][512] ALIGNED(4096);

paddr_t ptr_to_paddr(const void *ptr)
{
	vaddr_t va = (vaddr_t)ptr;

	return va >= KERNEL_BASE ? va - KERNEL_BASE : va - DIRECT_MAP_BASE;
}

/* pte_walk_make() with page_early() behind it: mm is not there yet. */
static uint64_t *early_entry(vaddr_t va, unsigned level, paddr_t (*early_page)(void))
{
	uint64_t *table = mmu_kernel_root;

	for (unsigned l = 3; l > level; l--) {
		uint64_t *e = &table[va >> (PAGE_SHIFT + 9 * l) & 511];

		if (!(*e & PTE_PRESENT))
			*e = early_page() | PTE_TABLE;
		table = paddr_to_ptr(*e & PTE_ADDRESS);
	}
	return &table[va >> (PAGE_SHIFT + 9 * level) & 511];
}

static void map_image(paddr_t (*early_page)(void))
{
	for (uint8_t *at = kernel_image_start; at < kernel_image_end; at += PAGE_SIZE) {
		unsigned prot = MMU_READ | MMU_WRITE;

		if (at < kernel_text_end)
			prot = MMU_READ | MMU_EXEC;
		else if (at < kernel_rodata_end)
			prot = MMU_READ;
		*early_entry((vaddr_t)at, 0, early_page) = pte_make(ptr_to_paddr(at), prot);
	}
}

static paddr_t end_of_memory(const struct boot_info *info)
{
	paddr_t end = 0;

	for (unsigned i = 0; i < info->nr_memory; i++)
		if (info->memory[i].type == BOOT_MEMORY_RAM)
			end = max(end, info->memory[i].base + info->memory[i].size_bytes);
	return end;
}

static void map_direct(const struct boot_info *info, paddr_t (*early_page)(void))
{
	paddr_t end = end_of_memory(info);

	for (paddr_t pa = 0; pa < end; pa += HUGE_SIZE)
		*early_entry(DIRECT_MAP_BASE + pa, 1,
			     early_page) = pte_make(pa, MMU_READ | MMU_WRITE) | PTE_LARGE;
}

void mmu_init(const struct boot_info *info, paddr_t (*early_page)(void))
{
	uint64_t *flag = NULL;

	page_early_init(info, ptr_to_paddr(kernel_image_end));
	map_image(early_page);
	map_direct(info, early_page);
	for (unsigned i = 0; i < KVIRT_TOPS; i++)
		mmu_kernel_root[(KVIRT_BASE >> TOP_SHIFT & 511) + i] =
			ptr_to_paddr(kvirt_tables[i]) | PTE_TABLE;
	if (info->flags & BOOT_SOFT_KVM) {
		flag = early_entry((vaddr_t)boot_flag_page, 0, early_page);
		*flag = pte_make(info->flag_page, MMU_READ | MMU_WRITE);
	}
	cpu_this()->arch.loaded_root = ptr_to_paddr(mmu_kernel_root);
	write_cr3(cpu_this()->arch.loaded_root);
	cpu_soft_kvm = flag;
}

int mmu_kernel_map(vaddr_t va, paddr_t pa, size_t len, unsigned prot)
{
	for (size_t at = 0; at < len; at += PAGE_SIZE) {
		uint64_t *e = pte_walk_make(mmu_kernel_root, va + at, 0);

		if (!e) {
			mmu_kernel_unmap(va, at);
			return -ENOMEM;
		}
		WRITE_ONCE(*e, pte_make(pa + at, prot));
	}
	return 0;
}

void mmu_kernel_clear(vaddr_t va, size_t len)
{
	unsigned level;

	for (size_t at = 0; at < len; at += PAGE_SIZE) {
		uint64_t *e = pte_find(mmu_kernel_root, va + at, &level);

		if (e)
			WRITE_ONCE(*e, 0);
	}
}

static void flush_here(void *unused)
{
	mmu_flush_here();
}

void mmu_kernel_flush(void)
{
	cpu_call(~0ull, flush_here, NULL);
}

void mmu_kernel_unmap(vaddr_t va, size_t len)
{
	mmu_kernel_clear(va, len);
	mmu_kernel_flush();
}
