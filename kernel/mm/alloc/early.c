/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory before the allocator: which RAM is free, pages for the first tables, and the start of
 * page.c.
 *
 * Free is what the memory map calls RAM, less its reserved ranges, the kernel's image, the launch
 * record and physical page 0. Early pages are cut from the first free RAM behind the image,
 * upwards; then the page array is placed behind them, and all the rest goes to the buddy
 * allocator. The array is not touched where the host says that RAM is zero: a zero struct page is
 * right for a page never used. page.c takes up free RAM in the order in which it is added here:
 * first what shares a huge page of the host's with the image, then whole huge pages.
 */
#include <abi/hull/boot.h>

#include "arch/mmu.h"
#include "core/panic.h"
#include "lib/string.h"
#include "mm/alloc/buddy.h"

struct range {
	paddr_t base, end;
};

static struct range image, launch;
static paddr_t early_at; /* the next early page is here or above */
static const struct boot_info *boot;

/* If pa lies in a range that is not free: the range's end; else pa. */
static paddr_t skip_range(paddr_t pa, struct range r)
{
	return pa >= r.base && pa < r.end ? r.end : pa;
}

static struct range memory_range(const struct boot_memory *m)
{
	struct range r = { m->base, m->base + m->size_bytes };

	if (m->type == BOOT_MEMORY_RAM)
		return (struct range){ align_up(r.base, PAGE_SIZE), align_down(r.end, PAGE_SIZE) };
	return (struct range){ align_down(r.base, PAGE_SIZE), align_up(r.end, PAGE_SIZE) };
}

static paddr_t skip_reserved(paddr_t pa)
{
	paddr_t before;

	do {
		before = pa;
		pa = skip_range(pa, (struct range){ 0, PAGE_SIZE });
		pa = skip_range(pa, image);
		pa = skip_range(pa, launch);
		for (unsigned i = 0; i < boot->nr_memory; i++) {
			if (boot->memory[i].type != BOOT_MEMORY_RAM)
				pa = skip_range(pa, memory_range(&boot->memory[i]));
		}
	} while (pa != before);
	return pa;
}

/* The lowest RAM at or above pa, or its end when there is none. */
static paddr_t next_ram(paddr_t pa, paddr_t *end)
{
	paddr_t best = UINT64_MAX;
	struct range r;

	for (unsigned i = 0; i < boot->nr_memory; i++) {
		r = memory_range(&boot->memory[i]);
		if (boot->memory[i].type != BOOT_MEMORY_RAM || r.end <= pa || r.base >= r.end)
			continue;
		if (max(r.base, pa) < best) {
			best = max(r.base, pa);
			*end = r.end;
		}
	}
	return best;
}

static void cut_before(struct range *free, struct range taken)
{
	if (taken.base > free->base && taken.base < free->end && taken.base < taken.end)
		free->end = taken.base;
}

/* The first free range at or above `from`. False: there is none. */
static bool next_free(paddr_t from, struct range *out)
{
	paddr_t pa = from, skipped;

	for (;;) {
		out->base = next_ram(pa, &out->end);
		if (out->base == UINT64_MAX)
			return false;
		skipped = skip_reserved(out->base);
		if (skipped == out->base)
			break;
		pa = skipped;
	}
	cut_before(out, image);
	cut_before(out, launch);
	for (unsigned i = 0; i < boot->nr_memory; i++) {
		if (boot->memory[i].type != BOOT_MEMORY_RAM)
			cut_before(out, memory_range(&boot->memory[i]));
	}
	return true;
}

void page_early_init(const struct boot_info *info, paddr_t image_end)
{
	boot = info;
	image = (struct range){ KERNEL_LOAD_PADDR, align_up(image_end, PAGE_SIZE) };
	launch = (struct range){ align_down(info->launch, PAGE_SIZE),
				 align_up(info->launch + info->launch_bytes, PAGE_SIZE) };
	early_at = image.end;
}

paddr_t page_early(void)
{
	struct range r;

	if (boot == NULL || !next_free(early_at, &r))
		panic("no memory for the first page tables");
	early_at = r.base + PAGE_SIZE;
	memset(paddr_to_ptr(r.base), 0, PAGE_SIZE);
	return r.base;
}

static void place_array(void)
{
	paddr_t ram_end = 0, at = early_at;
	struct range r;
	size_t len;

	for (unsigned i = 0; i < boot->nr_memory; i++) {
		if (boot->memory[i].type == BOOT_MEMORY_RAM)
			ram_end = max(ram_end, memory_range(&boot->memory[i]).end);
	}
	page_array_end = ram_end >> PAGE_SHIFT;
	len = align_up(page_array_end * sizeof(struct page), PAGE_SIZE);
	do {
		if (!next_free(at, &r))
			panic("no room for the page array");
		at = r.end;
	} while (r.end - r.base < len);
	page_array = paddr_to_ptr(r.base);
	early_at = r.base + len;
	if (!(boot->flags & BOOT_RAM_ZERO))
		memset(page_array, 0, len);
}

static void reserve(struct range r)
{
	pfn_t end = min(r.end >> PAGE_SHIFT, page_array_end);

	for (pfn_t pfn = r.base >> PAGE_SHIFT; pfn < end; pfn++)
		page_array[pfn].flags = PAGE_RESERVED;
}

/* Frees what lies between two addresses. */
static void free_between(paddr_t from, paddr_t to)
{
	struct range r;

	while (from < to && next_free(from, &r)) {
		from = r.end;
		if (r.base < to)
			buddy_add_ram(r.base >> PAGE_SHIFT, min(r.end, to) >> PAGE_SHIFT);
	}
}

void page_init(const struct boot_info *info)
{
	paddr_t early_end, huge, end;

	boot = info;
	place_array();
	early_end = early_at;
	end = page_array_end << PAGE_SHIFT;
	huge = min(align_up(early_end, HUGE_SIZE), end);
	buddy_init(info->flags & BOOT_RAM_ZERO ? KERNEL_LOAD_PADDR >> PAGE_SHIFT : UINT64_MAX);
	reserve(image);
	reserve(launch);
	reserve((struct range){ image.end, early_end });
	/* Used in this order: beside the image, then whole huge pages of the host's. */
	free_between(0, image.base);
	free_between(huge, end);
	free_between(early_end, huge);
	page_zero = page_alloc(0, PAGE_ALLOC_ZERO);
	if (page_zero == NULL)
		panic("too little memory");
	page_zero->flags |= PAGE_ZERO | PAGE_RESERVED;
}
