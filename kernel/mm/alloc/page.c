/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buddy allocator (Knuth, TAOCP 1 §2.5) over struct page. A free block of 2^order pages is
 * aligned to its size; its head has PAGE_BUDDY and is on free_lists[order]; two free buddies are
 * always merged. Lists are last in, first out: memory that the host has already backed is used
 * again first.
 *
 * Single pages go through a short list per CPU (interrupts off, no lock); when memory is short
 * every CPU gives its list back. What is left then is kept for those who cannot wait: others are
 * refused below `nr_reserve` pages, after the reclaimers have been asked. Innermost lock;
 * reclaimers are called without it.
 */
#include "mm/alloc/page.h"

#include <abi/hull/boot.h>

#include "arch/cpu.h"
#include "arch/mmu.h"
#include "core/panic.h"
#include "core/smp/cpu.h"
#include "core/sync/spinlock.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "mm/alloc/buddy.h"
#include "mm/alloc/kmem.h"

#define CPU_LIST_MAX   64
#define CPU_LIST_BATCH 32
#define WAITING_MAX    (2 * BOOT_MAX_MEMORY + 2) /* gaps between the ranges of the map */
#define HUGE_ORDER     (HUGE_SHIFT - PAGE_SHIFT)
#define PLENTY         ((16ul << 20) / PAGE_SIZE)
#define RECLAIM_BATCH  64
#define RECLAIM_TRIES  8

LINKER_SET(page_reclaimers, struct page_reclaimer);

struct page *page_array;
pfn_t page_array_end;
struct page *page_zero;

static struct spinlock lock;
static struct page *free_lists[PAGE_MAX_ORDER + 1]; /* [lock] */
static uint64_t nr_free;    /* [lock] in the lists or waiting; the CPUs' own come on top */
static uint64_t nr_total;   /* [I] */
static uint64_t nr_reserve; /* [I] */
static pfn_t fresh_from = UINT64_MAX; /* [I] */
static long uses[PAGE_NR_USES];       /* [a] */

static struct waiting {
	pfn_t first, end;
} waiting[WAITING_MAX];     /* [lock] RAM never used yet */
static unsigned nr_waiting; /* [lock] */

static struct cpu_list {
	struct page *first; /* [o] interrupts off */
	unsigned nr;
} cpu_lists[CPUS_MAX];

static pfn_t pfn_of(const struct page *p)
{
	return (pfn_t)(p - page_array);
}

struct page *paddr_to_page(paddr_t pa)
{
	return pa >> PAGE_SHIFT < page_array_end ? &page_array[pa >> PAGE_SHIFT] : NULL;
}

paddr_t page_to_paddr(const struct page *p)
{
	return pfn_of(p) << PAGE_SHIFT;
}

void *page_to_ptr(const struct page *p)
{
	return paddr_to_ptr(page_to_paddr(p));
}

static void list_push(struct page *p, unsigned order)
{
	p->flags = (p->flags & PAGE_USED) | PAGE_BUDDY;
	p->order = (uint8_t)order;
	p->prev = NULL;
	p->next = free_lists[order];
	if (p->next != NULL)
		p->next->prev = p;
	free_lists[order] = p;
}

static void list_take(struct page *p)
{
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		free_lists[p->order] = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	p->next = p->prev = NULL;
	p->flags &= PAGE_USED;
}

static void buddy_free(struct page *p, unsigned order)
{
	pfn_t pfn = pfn_of(p), buddy;

	nr_free += 1ull << order;
	for (; order < PAGE_MAX_ORDER; order++) {
		buddy = pfn ^ 1ull << order;
		if (buddy >= page_array_end || !(page_array[buddy].flags & PAGE_BUDDY) ||
		    page_array[buddy].order != order)
			break;
		list_take(&page_array[buddy]);
		pfn &= ~(1ull << order);
	}
	list_push(&page_array[pfn], order);
}

/* The largest block that begins at pfn and is no longer than nr. */
static unsigned order_at(pfn_t pfn, size_t nr)
{
	unsigned order = (unsigned)(63 - __builtin_clzll(nr));

	if (pfn != 0)
		order = min(order, (unsigned)__builtin_ctzll(pfn));
	return min(order, (unsigned)PAGE_MAX_ORDER);
}

static void buddy_free_range(struct page *p, size_t nr)
{
	while (nr > 0) {
		unsigned order = order_at(pfn_of(p), nr);

		buddy_free(p, order);
		nr -= 1ull << order;
		p += 1ull << order;
	}
}

/*
 * RAM comes into the lists block by block, as it is needed: the head of a block high up lies far
 * into the page array, in a page of the host's that nothing else would have touched.
 */
static bool feed(void)
{
	struct waiting *w = waiting;
	unsigned order;

	while (w < &waiting[nr_waiting] && w->first == w->end)
		w++;
	if (w == &waiting[nr_waiting])
		return false;
	order = order_at(w->first, w->end - w->first);
	nr_free -= 1ull << order; /* it was counted when it began to wait */
	buddy_free(&page_array[w->first], order);
	w->first += 1ull << order;
	return true;
}

static unsigned smallest_free(unsigned order)
{
	while (order <= PAGE_MAX_ORDER && free_lists[order] == NULL)
		order++;
	return order;
}

/* Splits keep the lower half: low memory is used first. */
static struct page *buddy_take(unsigned order)
{
	struct page *p;
	unsigned from;

	do {
		from = smallest_free(order);
	} while (from > PAGE_MAX_ORDER && feed());
	if (from > PAGE_MAX_ORDER)
		return NULL;
	p = free_lists[from];
	list_take(p);
	while (from-- > order)
		list_push(p + (1ull << from), from);
	nr_free -= 1ull << order;
	return p;
}

void buddy_init(pfn_t fresh)
{
	fresh_from = fresh;
}

void buddy_add_ram(pfn_t first, pfn_t end)
{
	scoped_spin(&lock);
	if (first >= end || nr_waiting == ARRAY_SIZE(waiting))
		return;
	waiting[nr_waiting++] = (struct waiting){ first, end };
	nr_free += end - first;
	nr_total += end - first;
	nr_reserve = min(max(nr_total / 128, 8ull), 256ull);
}

/* Interrupts off. The first of the pages taken is the first to be given out. */
static void cpu_list_fill(struct cpu_list *l, bool may_use_reserve)
{
	struct page **tail = &l->first, *p;

	scoped_spin(&lock);
	while (l->nr < CPU_LIST_BATCH && (may_use_reserve || nr_free > nr_reserve)) {
		p = buddy_take(0);
		if (p == NULL)
			break;
		*tail = p;
		tail = &p->next;
		l->nr++;
		if (nr_free < nr_total / 16)
			break; /* scarce: not one that is not needed */
	}
}

static void cpu_list_drain(struct cpu_list *l, unsigned keep)
{
	struct page *p;

	scoped_spin(&lock);
	while (l->nr > keep) {
		p = l->first;
		l->first = p->next;
		l->nr--;
		buddy_free(p, 0);
	}
}

static struct page *take_single(bool may_use_reserve)
{
	bool irqs = cpu_irq_save();
	struct cpu_list *l = &cpu_lists[cpu_this()->id];
	struct page *p;

	if (l->first == NULL)
		cpu_list_fill(l, may_use_reserve);
	p = l->first;
	if (p != NULL) {
		l->first = p->next;
		l->nr--;
	}
	cpu_irq_restore(irqs);
	return p;
}

static struct page *take_block(unsigned order, bool may_use_reserve)
{
	bool irqs = cpu_irq_save();
	struct page *p = NULL;

	if (nr_free < nr_reserve + (1ull << order))
		cpu_list_drain(&cpu_lists[cpu_this()->id], 0);
	spin_lock(&lock);
	if (may_use_reserve || nr_free >= nr_reserve + (1ull << order))
		p = buddy_take(order);
	spin_unlock(&lock);
	cpu_irq_restore(irqs);
	return p;
}

static struct page *take(unsigned order, unsigned flags)
{
	bool may_use_reserve = flags & PAGE_ALLOC_NOWAIT;

	return order == 0 ? take_single(may_use_reserve) : take_block(order, may_use_reserve);
}

static void drain_here(void *nr)
{
	struct cpu_list *l = &cpu_lists[cpu_this()->id];

	atomic_add((size_t *)nr, l->nr);
	cpu_list_drain(l, 0);
}

static size_t drain_lists(void)
{
	uint64_t mask = 0;
	size_t nr = 0;

	for (unsigned i = 0; i < nr_cpus; i++)
		mask |= READ_ONCE(cpu_lists[i].nr) != 0 ? 1ull << i : 0;
	if (mask != 0)
		cpu_call(mask, drain_here, &nr);
	return nr;
}

/* The CPUs are interrupted for what they have at hand, so they come last. */
static size_t reclaim(size_t want)
{
	size_t got = 0;

	LINKER_SET_FOREACH(page_reclaimers, r)
		got += got < want ? r->reclaim(want - got) : 0;
	if (got == 0 && want > 0)
		got = drain_lists() + kmem_drain();
	return got;
}

bool page_make_room(uint64_t nr)
{
	uint64_t nr_now = page_nr_free();

	for (int i = 0; nr_now < nr && i < RECLAIM_TRIES; i++) {
		if (reclaim(nr - nr_now) == 0)
			break;
		nr_now = page_nr_free();
	}
	return nr_now >= nr;
}

void page_drop_caches(void)
{
	for (int i = 0; i < RECLAIM_TRIES && reclaim(nr_total) > 0; i++)
		continue;
}

/* A block was taken off the lists: makes its pages the caller's. */
static void hand_out(struct page *head, unsigned order, bool zero)
{
	size_t nr = 1ull << order;

	for (struct page *p = head; p < head + nr; p++) {
		if (zero && ((p->flags & PAGE_USED) || pfn_of(p) < fresh_from))
			memset(page_to_ptr(p), 0, PAGE_SIZE);
		*p = (struct page){ .flags = PAGE_USED };
	}
	head->refs = 1;
	head->order = (uint8_t)order;
}

struct page *page_alloc(unsigned order, unsigned flags)
{
	struct page *p;

	if (order > PAGE_MAX_ORDER || kmem_must_fail())
		return NULL;
	p = take(order, flags);
	for (int i = 0; p == NULL && !(flags & PAGE_ALLOC_NOWAIT) && i < RECLAIM_TRIES; i++) {
		if (reclaim(RECLAIM_BATCH + (1ull << order)) == 0)
			break;
		p = take(order, flags);
	}
	if (p != NULL)
		hand_out(p, order, flags & PAGE_ALLOC_ZERO);
	return p;
}

static void free_single(struct page *p)
{
	bool irqs = cpu_irq_save();
	struct cpu_list *l = &cpu_lists[cpu_this()->id];

	p->next = l->first;
	l->first = p;
	if (++l->nr > CPU_LIST_MAX)
		cpu_list_drain(l, CPU_LIST_MAX - CPU_LIST_BATCH);
	cpu_irq_restore(irqs);
}

void page_free(struct page *p, unsigned order)
{
	if (p->flags & (PAGE_BUDDY | PAGE_RESERVED) || !(p->flags & PAGE_USED))
		panic("page %#lx freed, but it is not in use (flags %#x)",
		      (unsigned long)page_to_paddr(p), p->flags);
	for (struct page *q = p; q < p + (1ull << order); q++)
		*q = (struct page){ .flags = PAGE_USED };
	if (order == 0) {
		free_single(p);
		return;
	}
	scoped_spin(&lock);
	buddy_free(p, order);
}

void page_free_range(struct page *p, size_t nr)
{
	for (struct page *q = p; q < p + nr; q++)
		*q = (struct page){ .flags = PAGE_USED };
	scoped_spin(&lock);
	buddy_free_range(p, nr);
}

void page_get(struct page *p)
{
	if (!(p->flags & PAGE_RESERVED))
		__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
}

static unsigned counted_order(const struct page *p)
{
	return p->flags & PAGE_HUGE ? HUGE_ORDER : 0;
}

void page_put(struct page *p)
{
	unsigned order = counted_order(p);

	if (p->flags & PAGE_RESERVED)
		return;
	if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	if (p->flags & PAGE_ANONYMOUS)
		page_account(PAGE_USE_ANONYMOUS, -(1l << order));
	page_free(p, order);
}

struct page *page_alloc_huge(void)
{
	struct page *p = page_alloc(HUGE_ORDER, PAGE_ALLOC_ZERO | PAGE_ALLOC_NOWAIT);

	if (p == NULL)
		return NULL;
	p->flags |= PAGE_HUGE;
	for (struct page *tail = p + 1; tail < p + (1 << HUGE_ORDER); tail++) {
		tail->flags |= PAGE_TAIL;
		tail->head = p;
	}
	return p;
}

struct page *page_head(struct page *p)
{
	return p->flags & PAGE_TAIL ? p->head : p;
}

void page_split_huge(struct page *head)
{
	head->flags &= (uint16_t)~PAGE_HUGE;
	head->order = 0;
	for (struct page *tail = head + 1; tail < head + (1 << HUGE_ORDER); tail++) {
		tail->flags &= (uint16_t)~PAGE_TAIL;
		tail->flags |= head->flags & PAGE_ANONYMOUS;
		tail->head = NULL;
		tail->refs = head->refs;
	}
}

void page_account(enum page_use use, long nr)
{
	__atomic_add_fetch(&uses[use], nr, __ATOMIC_RELAXED);
}

void page_set_anonymous(struct page *p)
{
	p->flags |= PAGE_ANONYMOUS;
	page_account(PAGE_USE_ANONYMOUS, 1l << counted_order(p));
}

uint64_t page_nr_free(void)
{
	uint64_t nr = READ_ONCE(nr_free);

	for (unsigned i = 0; i < nr_cpus; i++)
		nr += READ_ONCE(cpu_lists[i].nr);
	return nr;
}

uint64_t page_nr_total(void)
{
	return nr_total;
}

bool page_memory_is_ample(void)
{
	return READ_ONCE(nr_free) > nr_total / 8;
}

bool page_memory_is_plenty(void)
{
	return READ_ONCE(nr_free) > PLENTY;
}

void page_stats_get(struct page_stats *out)
{
	long now[PAGE_NR_USES];

	for (int i = 0; i < PAGE_NR_USES; i++)
		now[i] = max(atomic_load(&uses[i]), 0l);
	*out = (struct page_stats){
		.total = nr_total,
		.free = page_nr_free(),
		.cached = (uint64_t)now[PAGE_USE_CACHE],
		.slab = (uint64_t)now[PAGE_USE_SLAB],
		.tables = (uint64_t)now[PAGE_USE_TABLES],
		.anonymous = (uint64_t)now[PAGE_USE_ANONYMOUS],
		.shmem = (uint64_t)now[PAGE_USE_SHMEM],
		.stacks = (uint64_t)now[PAGE_USE_STACKS],
	};
}
