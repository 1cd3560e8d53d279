/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses in KVIRT: kernel stacks from its start, device registers from its middle. A stack's
 * slot is a guard page, never mapped, and the stack above it.
 *
 * Stacks that were given back stay mapped, on a list, for the next thread: mapping is expensive on
 * some hosts, and unmapping means that every CPU has to flush its TLB, which whoever gives a stack
 * back, in the middle of a switch, cannot wait for. What the list has too much is unmapped by the
 * next one that ends or begins a thread, many stacks with one flush.
 */
#include "arch/mmu.h"
#include "core/sched/thread.h"
#include "core/sync/spinlock.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define CHUNK        512ul
#define NR_CHUNKS    64ul
#define NR_SLOTS     (CHUNK * NR_CHUNKS)
#define SLOT_SIZE    (KSTACK_SIZE + PAGE_SIZE)
#define STACK_ORDER  2
#define SPARES_KEPT  8u
#define SPARES_MAX   32u /* more: down to those kept */
#define TRIM_MAX     64u /* stacks unmapped by one flush */
#define DEVICES_BASE (KVIRT_BASE + (KVIRT_END - KVIRT_BASE) / 2)

_Static_assert(KSTACK_SIZE == PAGE_SIZE << STACK_ORDER, "a stack is one block of pages");

static struct spinlock lock;
static uint64_t slots[BITMAP_WORDS(NR_SLOTS)]; /* [lock] */
static struct slot {
	uint32_t pfn;                      /* what backs it */
	uint32_t next;                     /* free, and mapped: the next such slot + 1 */
} * chunks[NR_CHUNKS];                     /* [lock] made when needed */
static size_t first_free;                  /* [lock] no free slot is below */
static uint32_t first_spare;               /* [lock] slot + 1; 0: none */
static unsigned nr_spares;                 /* [lock] */
static vaddr_t device_next = DEVICES_BASE; /* [lock] */

static size_t slot_of(vaddr_t base)
{
	return (base - KVIRT_BASE) / SLOT_SIZE;
}

static vaddr_t base_of(size_t slot)
{
	return KVIRT_BASE + slot * SLOT_SIZE + PAGE_SIZE;
}

/* Of a slot that has been used: its chunk is there for good. */
static struct slot *entry_of(size_t slot)
{
	return &chunks[slot / CHUNK][slot % CHUNK];
}

static vaddr_t slot_take(void)
{
	size_t slot;

	scoped_spin(&lock);
	slot = bitmap_find_clear(slots, NR_SLOTS, first_free);
	first_free = slot;
	if (slot == NR_SLOTS)
		return 0;
	bitmap_set(slots, slot);
	return base_of(slot);
}

static void slot_give(vaddr_t base)
{
	size_t slot = slot_of(base);

	scoped_spin(&lock);
	bitmap_clear(slots, slot);
	first_free = min(first_free, slot);
}

/* One of the list if it has more than `keep`, or 0. */
static vaddr_t spare_take(unsigned keep)
{
	size_t slot;

	scoped_spin(&lock);
	if (nr_spares <= keep)
		return 0;
	slot = first_spare - 1;
	first_spare = entry_of(slot)->next;
	nr_spares--;
	return base_of(slot);
}

void kstack_free(vaddr_t base)
{
	size_t slot = slot_of(base);

	scoped_spin(&lock);
	entry_of(slot)->next = first_spare;
	first_spare = (uint32_t)slot + 1;
	nr_spares++;
}

static int remember_block(vaddr_t base, const struct page *block)
{
	size_t slot = slot_of(base);
	struct slot *fresh = NULL;

	if (READ_ONCE(chunks[slot / CHUNK]) == NULL) {
		fresh = kmem_new_array(struct slot, CHUNK);
		if (fresh == NULL)
			return -ENOMEM;
	}
	spin_lock(&lock);
	if (chunks[slot / CHUNK] == NULL) {
		chunks[slot / CHUNK] = fresh;
		fresh = NULL;
	}
	entry_of(slot)->pfn = (uint32_t)(page_to_paddr(block) >> PAGE_SHIFT);
	spin_unlock(&lock);
	kmem_free(fresh);
	return 0;
}

static size_t trim_some(unsigned keep)
{
	vaddr_t bases[TRIM_MAX];
	unsigned nr = 0;

	while (nr < TRIM_MAX && (bases[nr] = spare_take(keep)) != 0)
		mmu_kernel_clear(bases[nr++], KSTACK_SIZE);
	if (nr == 0)
		return 0;
	mmu_kernel_flush();
	for (unsigned i = 0; i < nr; i++) {
		size_t slot = slot_of(bases[i]);
		paddr_t block = (paddr_t)entry_of(slot)->pfn << PAGE_SHIFT;

		slot_give(bases[i]);
		page_free(paddr_to_page(block), STACK_ORDER);
	}
	page_account(PAGE_USE_STACKS, -((long)nr << STACK_ORDER));
	return (size_t)nr << STACK_ORDER;
}

void kstack_trim(void)
{
	if (READ_ONCE(nr_spares) <= SPARES_MAX)
		return;
	while (trim_some(SPARES_KEPT) != 0)
		;
}

static size_t reclaim(size_t want)
{
	return want > 0 ? trim_some(0) : 0;
}

PAGE_RECLAIMER(kstack_reclaimer) = { .reclaim = reclaim };

vaddr_t kstack_new(void)
{
	vaddr_t base = spare_take(0);
	struct page *block;

	if (base != 0)
		return base;
	block = page_alloc(STACK_ORDER, 0);
	if (block == NULL)
		return 0;
	base = slot_take();
	if (base == 0)
		goto err_free_block;
	if (remember_block(base, block) != 0)
		goto err_give_slot;
	if (mmu_kernel_map(base, page_to_paddr(block), KSTACK_SIZE, MMU_READ | MMU_WRITE) != 0)
		goto err_give_slot;
	page_account(PAGE_USE_STACKS, 1l << STACK_ORDER);
	return base;

err_give_slot:
	slot_give(base);
err_free_block:
	page_free(block, STACK_ORDER);
	return 0;
}

void *kmem_map_device(paddr_t pa, size_t len)
{
	paddr_t first = align_down(pa, PAGE_SIZE);
	size_t size = align_up(pa + len, PAGE_SIZE) - first;
	vaddr_t va;

	spin_lock(&lock);
	va = device_next;
	if (size < KVIRT_END - va)
		device_next = va + size + PAGE_SIZE; /* a hole between any two */
	spin_unlock(&lock);
	if (size >= KVIRT_END - va)
		return NULL;
	if (mmu_kernel_map(va, first, size, MMU_READ | MMU_WRITE | MMU_UNCACHED) != 0)
		return NULL;
	return (void *)(va + (pa - first));
}
