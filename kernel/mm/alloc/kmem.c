/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slabs (Bonwick, 1994). A size class cuts a page or two into equal slots; a slab's book-keeping
 * is in the struct page of its head: `slab` the first free slot, `refs` how many are handed out,
 * `batch_next` and `lru` the links of its class's list of slabs with room. What does not fit the
 * largest class takes whole pages; such a head has slab_class LARGE and in `refs` the number of
 * pages.
 *
 * A slot ends in a canary that depends on its address and a secret, inverted while the slot is
 * free: kmem_free() panics on an overrun, a double free or a wild pointer. The link in a free slot
 * is xored likewise. Locks are innermost but for the page allocator's.
 *
 * In front of the slabs each CPU has a few free slots of each class at hand, to take and to put
 * back with interrupts off and no lock. They count as handed out by their slab, and as free by
 * their canary.
 *
 * Under DEBUG a slot's last word says who asked for it: kmem_visit() shows what is handed out.
 */
#include "mm/alloc/kmem.h"

#include "arch/cpu.h"
#include "arch/mmu.h"
#include "core/panic.h"
#include "core/random.h"
#include "core/smp/cpu.h"
#include "core/sync/spinlock.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/page.h"

#define LARGE  0xff
#define POISON 0x6b

/* Behind the bytes of a slot. */
struct trailer {
	uint64_t canary;
#ifdef DEBUG
	const void *caller;
#endif
};
#define TRAILER_SIZE sizeof(struct trailer)

static struct slab_class {
	uint16_t slot_size, order; /* [I] */
	struct spinlock lock;
	struct page *with_room; /* [lock] */
	struct page *spare;     /* [lock] one empty slab, kept */
	size_t nr_objects;      /* [lock] */
	size_t nr_slabs;        /* [a] */
} classes[] = {
	{ .slot_size = 32 },   { .slot_size = 48 },   { .slot_size = 64 },
	{ .slot_size = 96 },   { .slot_size = 128 },  { .slot_size = 192 },
	{ .slot_size = 256 },  { .slot_size = 336 },  { .slot_size = 448 },
	{ .slot_size = 576 },  { .slot_size = 816 },  { .slot_size = 1024 },
	{ .slot_size = 1360 }, { .slot_size = 2048 }, { .slot_size = 2720, .order = 1 },
};

#define AT_HAND_MAX 16u

struct kmem_cpu {
	long nr_objects; /* [o] handed out less given back here */
	struct {
		unsigned nr;
		char *slots[AT_HAND_MAX];
	} at_hand[ARRAY_SIZE(classes)]; /* [o] interrupts off */
};

static struct kmem_cpu boot_cpu;
static struct kmem_cpu *per_cpu[CPUS_MAX] = { &boot_cpu }; /* set before the CPU runs */
static uint64_t secret;                                    /* [I] after the first allocation */

static uint64_t mask_of(const void *slot)
{
	return secret ^ (uintptr_t)slot;
}

static struct trailer *trailer_of(const struct slab_class *c, char *slot)
{
	return (struct trailer *)(void *)(slot + c->slot_size - TRAILER_SIZE);
}

static uint64_t *canary_of(const struct slab_class *c, char *slot)
{
	return &trailer_of(c, slot)->canary;
}

static void note_caller(const struct slab_class *c, char *slot, const void *caller)
{
#ifdef DEBUG
	trailer_of(c, slot)->caller = caller;
#else
	(void)c, (void)slot, (void)caller;
#endif
}

static const void *caller_of(const struct slab_class *c, char *slot)
{
#ifdef DEBUG
	return trailer_of(c, slot)->caller;
#else
	(void)c, (void)slot;
	return NULL;
#endif
}

static void *decode(const void *slot, uint64_t link)
{
	return (void *)(link ^ mask_of(slot));
}

/* Under DEBUG a free slot is filled with POISON between its link and its canary. */
static void poison(const struct slab_class *c, char *slot)
{
#ifdef DEBUG
	memset(slot, POISON, c->slot_size - TRAILER_SIZE);
#else
	(void)c;
	(void)slot;
#endif
}

static void check_poison(const struct slab_class *c, const char *slot)
{
#ifdef DEBUG
	for (size_t i = sizeof(uint64_t); i < c->slot_size - TRAILER_SIZE; i++) {
		if (slot[i] != POISON)
			panic("kernel memory at %p was written after it was freed", (void *)slot);
	}
#else
	(void)c;
	(void)slot;
#endif
}

static void slot_push(struct page *slab, const struct slab_class *c, char *slot)
{
	poison(c, slot);
	*canary_of(c, slot) = ~mask_of(slot);
	*(uint64_t *)(void *)slot = (uint64_t)(uintptr_t)slab->slab ^ mask_of(slot);
	slab->slab = slot;
}

static void list_add(struct slab_class *c, struct page *slab)
{
	slab->lru = NULL;
	slab->batch_next = c->with_room;
	if (slab->batch_next != NULL)
		slab->batch_next->lru = slab;
	c->with_room = slab;
}

static void list_del(struct slab_class *c, struct page *slab)
{
	struct page *prev = slab->lru;

	if (prev != NULL)
		prev->batch_next = slab->batch_next;
	else
		c->with_room = slab->batch_next;
	if (slab->batch_next != NULL)
		slab->batch_next->lru = prev;
}

static unsigned class_of(size_t size)
{
	unsigned i = 0;

	while (i < ARRAY_SIZE(classes) && classes[i].slot_size < size + TRAILER_SIZE)
		i++;
	return i;
}

static struct page *slab_new(unsigned idx, unsigned flags)
{
	struct slab_class *c = &classes[idx];
	struct page *slab = page_alloc(c->order, flags);
	size_t nr = (PAGE_SIZE << c->order) / c->slot_size;
	char *slots;

	if (slab == NULL)
		return NULL;
	slots = page_to_ptr(slab);
	slab->refs = 0;
	slab->flags |= PAGE_SLAB;
	slab->slab_class = (uint8_t)idx;
	for (unsigned i = 1; i < 1u << c->order; i++) {
		slab[i].flags |= PAGE_TAIL;
		slab[i].head = slab;
	}
	while (nr-- > 0)
		slot_push(slab, c, slots + nr * c->slot_size);
	page_account(PAGE_USE_SLAB, 1l << c->order);
	atomic_add(&c->nr_slabs, 1);
	return slab;
}

static void slab_free(struct page *slab)
{
	unsigned order = classes[slab->slab_class].order;

	page_account(PAGE_USE_SLAB, -(1l << order));
	atomic_sub(&classes[slab->slab_class].nr_slabs, 1);
	page_free(slab, order);
}

/* With c->lock held. The slot stays marked as free. */
static char *slot_take(struct slab_class *c)
{
	struct page *slab = c->with_room;
	char *slot;

	if (slab == NULL) {
		slab = c->spare;
		if (slab == NULL)
			return NULL;
		c->spare = NULL;
		list_add(c, slab);
	}
	slot = slab->slab;
	if (*canary_of(c, slot) != ~mask_of(slot))
		panic("kernel memory at %p was written after it was freed", (void *)slot);
	slab->slab = decode(slot, *(uint64_t *)(void *)slot);
	slab->refs++;
	c->nr_objects++;
	if (slab->slab == NULL)
		list_del(c, slab);
	return slot;
}

/* ---- what a CPU has at hand; interrupts off ---- */

static unsigned at_hand_max(const struct slab_class *c)
{
	return min(max((unsigned)PAGE_SIZE / c->slot_size, 2u), AT_HAND_MAX);
}

/* Interrupts off: the CPU stays. */
static struct kmem_cpu *this_cpu(void)
{
	return per_cpu[cpu_this()->id];
}

static void fill(struct kmem_cpu *cpu, unsigned idx)
{
	struct slab_class *c = &classes[idx];
	unsigned want = at_hand_max(c) / 2;
	char *slot;

	scoped_spin(&c->lock);
	while (cpu->at_hand[idx].nr < want && (slot = slot_take(c)) != NULL)
		cpu->at_hand[idx].slots[cpu->at_hand[idx].nr++] = slot;
}

static char *take_at_hand(unsigned idx)
{
	bool irqs_were_on = cpu_irq_save();
	struct kmem_cpu *cpu = this_cpu();
	char *slot = NULL;

	if (cpu->at_hand[idx].nr == 0)
		fill(cpu, idx);
	if (cpu->at_hand[idx].nr > 0) {
		slot = cpu->at_hand[idx].slots[--cpu->at_hand[idx].nr];
		cpu->nr_objects++;
	}
	cpu_irq_restore(irqs_were_on);
	return slot;
}

static void *alloc_slot(unsigned idx, unsigned flags, const void *caller)
{
	struct slab_class *c = &classes[idx];
	struct page *slab;
	char *slot;

	while ((slot = take_at_hand(idx)) == NULL) {
		slab = slab_new(idx, flags);
		if (slab == NULL)
			return NULL;
		spin_lock(&c->lock);
		list_add(c, slab);
		spin_unlock(&c->lock);
	}
	if (*canary_of(c, slot) != ~mask_of(slot))
		panic("kernel memory at %p was written after it was freed", (void *)slot);
	note_caller(c, slot, caller);
	*canary_of(c, slot) = mask_of(slot);
	check_poison(c, slot);
	return memset(slot, 0, c->slot_size - TRAILER_SIZE);
}

static void count_object(long change)
{
	bool irqs_were_on = cpu_irq_save();

	this_cpu()->nr_objects += change;
	cpu_irq_restore(irqs_were_on);
}

static void *alloc_pages(size_t size, unsigned flags)
{
	size_t nr = (size + PAGE_SIZE - 1) / PAGE_SIZE;
	unsigned order = 0;
	struct page *p;

	while (1ull << order < nr)
		order++;
	p = page_alloc(order, flags | PAGE_ALLOC_ZERO);
	if (p == NULL)
		return NULL;
	page_free_range(p + nr, (1ull << order) - nr);
	p->flags |= PAGE_SLAB;
	p->slab_class = LARGE;
	p->refs = (uint32_t)nr;
	page_account(PAGE_USE_SLAB, (long)nr);
	count_object(1);
	return page_to_ptr(p);
}

static void *alloc(size_t size, unsigned flags, const void *caller)
{
	unsigned idx = class_of(size);

	if (unlikely(secret == 0))
		secret = (random_u64() ^ cpu_cycles() << 20) | 1;
	if (kmem_must_fail() || size > PAGE_SIZE << 18)
		return NULL;
	return idx < ARRAY_SIZE(classes) ? alloc_slot(idx, flags, caller)
					 : alloc_pages(size, flags);
}

void *kmem_alloc(size_t size)
{
	return alloc(size, 0, __builtin_return_address(0));
}

void *kmem_alloc_nowait(size_t size)
{
	return alloc(size, PAGE_ALLOC_NOWAIT, __builtin_return_address(0));
}

void *kmem_alloc_array(size_t size, size_t n)
{
	size_t total;

	if (__builtin_mul_overflow(size, n, &total))
		return NULL;
	return alloc(total, 0, __builtin_return_address(0));
}

/* The head of the block that p lies in; panics on what kmem_alloc did not return. */
static struct page *block_of(const void *p)
{
	struct page *page = paddr_to_page(ptr_to_paddr(p));

	if (page != NULL)
		page = page_head(page);
	if (page == NULL || !(page->flags & PAGE_SLAB))
		panic("%p is not kernel memory that was allocated", (void *)p);
	return page;
}

/* With its class's lock held. Returns a slab to be freed, or NULL. */
static struct page *slot_give(struct slab_class *c, char *slot)
{
	struct page *slab = block_of(slot), *doomed = NULL;
	bool was_full = slab->slab == NULL;

	slot_push(slab, c, slot);
	c->nr_objects--;
	if (was_full)
		list_add(c, slab);
	if (--slab->refs == 0) {
		list_del(c, slab);
		doomed = c->spare;
		c->spare = slab;
	}
	return doomed;
}

/* What this CPU has at hand, but for `keep`, goes back. */
static void drain(struct kmem_cpu *cpu, unsigned idx, unsigned keep)
{
	struct slab_class *c = &classes[idx];
	struct page *doomed[AT_HAND_MAX];
	unsigned nr = 0;

	spin_lock(&c->lock);
	while (cpu->at_hand[idx].nr > keep) {
		doomed[nr] = slot_give(c, cpu->at_hand[idx].slots[--cpu->at_hand[idx].nr]);
		nr += doomed[nr] != NULL;
	}
	spin_unlock(&c->lock);
	while (nr > 0)
		slab_free(doomed[--nr]);
}

/* Interrupts off. */
static void drain_here(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		drain(this_cpu(), i, 0);
}

static struct page *spare_take(struct slab_class *c)
{
	struct page *slab;

	scoped_spin(&c->lock);
	slab = c->spare;
	c->spare = NULL;
	return slab;
}

static size_t nr_pages_of_slabs(void)
{
	size_t nr = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		nr += atomic_load(&classes[i].nr_slabs) << classes[i].order;
	return nr;
}

size_t kmem_drain(void)
{
	size_t before = nr_pages_of_slabs(), after;

	cpu_call(~0ull, drain_here, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		struct page *slab = spare_take(&classes[i]);

		if (slab != NULL)
			slab_free(slab);
	}
	after = nr_pages_of_slabs();
	return before - min(after, before);
}

static void free_slot(struct page *slab, char *slot)
{
	unsigned idx = slab->slab_class;
	struct slab_class *c = &classes[idx];
	size_t offset = (size_t)(slot - (char *)page_to_ptr(slab));
	struct kmem_cpu *cpu;
	bool irqs_were_on;

	if (offset % c->slot_size != 0)
		panic("kmem_free(%p): inside an object", (void *)slot);
	if (*canary_of(c, slot) != mask_of(slot))
		panic("kmem_free(%p): %s (size class %u)", (void *)slot,
		      *canary_of(c, slot) == ~mask_of(slot) ? "freed twice" : "overrun",
		      c->slot_size);
	poison(c, slot);
	*canary_of(c, slot) = ~mask_of(slot);
	irqs_were_on = cpu_irq_save();
	cpu = this_cpu();
	if (cpu->at_hand[idx].nr == at_hand_max(c))
		drain(cpu, idx, at_hand_max(c) / 2);
	cpu->at_hand[idx].slots[cpu->at_hand[idx].nr++] = slot;
	cpu->nr_objects--;
	cpu_irq_restore(irqs_were_on);
}

void kmem_free(void *p)
{
	struct page *block;
	size_t nr;

	if (p == NULL)
		return;
	block = block_of(p);
	if (block->slab_class != LARGE) {
		free_slot(block, p);
		return;
	}
	nr = block->refs;
	count_object(-1);
	page_account(PAGE_USE_SLAB, -(long)nr);
	page_free_range(block, nr);
}

size_t kmem_size(const void *p)
{
	struct page *block = block_of(p);

	if (block->slab_class == LARGE)
		return block->refs * PAGE_SIZE;
	return classes[block->slab_class].slot_size - TRAILER_SIZE;
}

void *kmem_resize(void *p, size_t size)
{
	size_t old = p != NULL ? kmem_size(p) : 0;
	void *to;

	if (p != NULL && size <= old && size >= old / 2)
		return p;
	to = alloc(size, 0, __builtin_return_address(0));
	if (to == NULL)
		return NULL;
	if (p != NULL)
		memcpy(to, p, min(old, size));
	kmem_free(p);
	return to;
}

char *kmem_string(const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = alloc(size, 0, __builtin_return_address(0));

	return copy != NULL ? memcpy(copy, s, size) : NULL;
}

size_t kmem_nr_objects(void)
{
	long sum = 0;

	for (unsigned i = 0; i < CPUS_MAX; i++)
		sum += per_cpu[i] != NULL ? READ_ONCE(per_cpu[i]->nr_objects) : 0;
	return (size_t)max(sum, 0l);
}

/* Slabs may come and go meanwhile: a slot that was one is still memory that can be read. */
static void visit_slab(const struct page *slab, kmem_visit_fn *visit, void *arg)
{
	const struct slab_class *c = &classes[slab->slab_class];
	char *slots = page_to_ptr(slab);

	for (size_t i = 0; i < (PAGE_SIZE << c->order) / c->slot_size; i++) {
		char *slot = slots + i * c->slot_size;

		if (READ_ONCE(*canary_of(c, slot)) == mask_of(slot))
			visit(caller_of(c, slot), c->slot_size - TRAILER_SIZE, arg);
	}
}

void kmem_visit(kmem_visit_fn *visit, void *arg)
{
	for (pfn_t i = 0; i < page_array_end; i++) {
		const struct page *p = &page_array[i];

		if (!(p->flags & PAGE_SLAB) || (p->flags & PAGE_TAIL))
			continue;
		if (p->slab_class == LARGE)
			visit(NULL, p->refs * PAGE_SIZE, arg);
		else if (p->slab_class < ARRAY_SIZE(classes))
			visit_slab(p, visit, arg);
	}
}

int kmem_add_cpu(unsigned id)
{
	struct kmem_cpu *cpu = kmem_new(struct kmem_cpu);

	if (cpu == NULL)
		return -ENOMEM;
	per_cpu[id] = cpu;
	return 0;
}

static size_t nr_at_hand(unsigned idx)
{
	size_t sum = 0;

	for (unsigned i = 0; i < CPUS_MAX; i++)
		sum += per_cpu[i] != NULL ? READ_ONCE(per_cpu[i]->at_hand[idx].nr) : 0;
	return sum;
}

bool kmem_class_get(unsigned idx, struct kmem_class *out)
{
	struct slab_class *c;

	if (idx >= ARRAY_SIZE(classes))
		return false;
	c = &classes[idx];
	*out = (struct kmem_class){ .size = c->slot_size, .pages_a_slab = 1u << c->order };
	out->slots_a_slab = (PAGE_SIZE << c->order) / c->slot_size;
	scoped_spin(&c->lock);
	out->nr_objects = c->nr_objects - min(nr_at_hand(idx), c->nr_objects);
	out->nr_slots = atomic_load(&c->nr_slabs) * out->slots_a_slab;
	return true;
}
