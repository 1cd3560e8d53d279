/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four-level page tables of one address space. Intel SDM 3A §4.5.
 *
 * Every entry has U/S=1: program and kernel share a privilege level, and software-KVM hosts run the
 * kernel at the user one. No global pages, no PCID, and a root's physical address never has bit 12
 * set, which such a host would take for "user tables".
 *
 * A flush is one CR3 load; single invalidations only for a few pages on hosts where they are cheap.
 * Which CPUs have to take part: arch/mmu.h.
 */
#include "arch/mmu.h"

#include "arch/percpu.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/pte.h"
#include "arch/x86_64/x86.h"
#include "core/panic.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/page.h"

#define FLUSH_SINGLY_MAX 4 /* pages; more: the whole TLB */

static unsigned index_of(vaddr_t va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * level) & 511;
}

static uint64_t *table_of(uint64_t entry)
{
	return paddr_to_ptr(entry & PTE_ADDRESS);
}

uint64_t pte_make(paddr_t pa, unsigned prot)
{
	uint64_t e = pa | PTE_USED | PTE_USER | PTE_ACCESSED;

	if (prot != 0)
		e |= PTE_PRESENT;
	if (prot & MMU_WRITE)
		e |= PTE_WRITE | PTE_DIRTY;
	if (!(prot & MMU_EXEC))
		e |= PTE_NX;
	if (prot & MMU_UNCACHED)
		e |= PTE_UNCACHED;
	return e;
}

/* Changes of the kernel's half are not serialised: another CPU may have been faster. */
static void install(uint64_t *e, uint64_t *table, unsigned level)
{
	uint64_t none = 0;

	if (!atomic_compare_exchange(e, &none, ptr_to_paddr(table) | PTE_TABLE))
		pte_table_free(table, level);
}

/* The entry for va at `level` (0: 4 KiB, 1: 2 MiB), making tables on the way; NULL = no memory. */
uint64_t *pte_walk_make(uint64_t *root, vaddr_t va, unsigned level)
{
	uint64_t *table = root;

	for (unsigned l = 3; l > level; l--) {
		uint64_t *e = &table[index_of(va, l)];

		if (!(*e & PTE_USED)) {
			uint64_t *next = pte_table_new(l - 1);

			if (!next)
				return NULL;
			install(e, next, l - 1);
		}
		table = table_of(*e);
	}
	return &table[index_of(va, level)];
}

/* The entry for va: a leaf's, or the absent one at which the walk ends. */
static uint64_t *walk(uint64_t *root, vaddr_t va, unsigned *level)
{
	uint64_t *table = root;

	for (unsigned l = 3;; l--) {
		uint64_t *e = &table[index_of(va, l)];

		*level = l;
		if (!(*e & PTE_USED) || l == 0 || (*e & PTE_LARGE))
			return e;
		table = table_of(*e);
	}
}

/* The present leaf entry for va, its level in *level; NULL: none, *level = that of the absent
 * entry. */
uint64_t *pte_find(uint64_t *root, vaddr_t va, unsigned *level)
{
	uint64_t *e = walk(root, va, level);

	return *e & PTE_USED ? e : NULL;
}

static uint64_t *root_of(const struct mmu_space *s)
{
	return paddr_to_ptr(s->root);
}

int mmu_space_init(struct mmu_space *s)
{
	uint64_t *root = pte_root_new();

	if (!root)
		return -ENOMEM;
	s->root = ptr_to_paddr(root);
	return 0;
}

/* The tables below the first nr entries of one. */
static void free_tables(uint64_t *table, unsigned level, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (!(table[i] & PTE_USED) || (table[i] & PTE_LARGE))
			continue;
		if (level > 1)
			free_tables(table_of(table[i]), level - 1, 512);
		pte_table_free(table_of(table[i]), level - 1);
	}
}

static void load(struct mmu_space *s)
{
	struct cpu *cpu = cpu_this();
	struct mmu_space *old = cpu->arch.loaded;

	if (s)
		atomic_or(&s->cpus, cpu_bit(cpu)); /* before the tables are walked */
	cpu->arch.loaded = s;
	cpu->arch.loaded_root = s ? s->root : ptr_to_paddr(mmu_kernel_root);
	write_cr3(cpu->arch.loaded_root);
	if (old)
		atomic_and(&old->cpus, ~cpu_bit(cpu));
}

void mmu_space_load(struct mmu_space *s)
{
	if (cpu_this()->arch.loaded != s)
		load(s);
}

void mmu_flush_here(void)
{
	write_cr3(cpu_this()->arch.loaded_root);
}

static void leave(void *space)
{
	if (cpu_this()->arch.loaded == space)
		load(NULL);
}

/* Nobody runs in it; a CPU that polls, or runs a thread of the kernel's, may have it loaded. */
void mmu_space_fini(struct mmu_space *s)
{
	uint64_t cpus_in = atomic_load(&s->cpus);

	if (cpus_in)
		cpu_call(cpus_in, leave, s);
	free_tables(root_of(s), 3, 256);
	pte_root_free(root_of(s));
	s->root = 0;
}

int mmu_map(struct mmu_space *s, vaddr_t va, paddr_t pa, unsigned prot, enum mmu_level level)
{
	bool large = level == MMU_2M;
	uint64_t *e = pte_walk_make(root_of(s), va, large);

	if (!e)
		return -ENOMEM;
	assert(!(*e & PTE_USED));
	WRITE_ONCE(*e, pte_make(pa, prot) | (large ? PTE_LARGE : 0));
	return 0;
}

static void describe(const uint64_t *e, unsigned level, struct mmu_entry *out)
{
	out->paddr = *e & PTE_ADDRESS & (level ? ~(HUGE_SIZE - 1) : ~0ul);
	out->prot = (*e & PTE_PRESENT ? MMU_READ : 0) | (*e & PTE_WRITE ? MMU_WRITE : 0) |
		    (*e & PTE_NX ? 0 : MMU_EXEC) | (*e & PTE_UNCACHED ? MMU_UNCACHED : 0);
	out->level = level ? MMU_2M : MMU_4K;
	out->dirty = *e & PTE_DIRTY;
	out->accessed = *e & PTE_ACCESSED;
}

bool mmu_lookup(const struct mmu_space *s, vaddr_t va, struct mmu_entry *out)
{
	unsigned level;
	uint64_t *e = pte_find(root_of(s), va, &level);

	if (e)
		describe(e, level, out);
	return e;
}

/* How many entries from e on, which is for va, are absent: no further than its table goes. */
static unsigned count_absent(const uint64_t *e, vaddr_t va, unsigned level)
{
	unsigned most = 512 - index_of(va, level), nr = 0;

	while (nr < most && !(e[nr] & PTE_USED))
		nr++;
	return nr;
}

bool mmu_next(const struct mmu_space *s, vaddr_t *va, vaddr_t end, struct mmu_entry *out)
{
	vaddr_t at = *va;

	while (at < end) {
		unsigned level;
		uint64_t *e = walk(root_of(s), at, &level);
		vaddr_t size = 1ul << (PAGE_SHIFT + 9 * level);

		at = align_down(at, size);
		if (*e & PTE_USED) {
			describe(e, level, out);
			*va = at;
			return true;
		}
		at += count_absent(e, at, level) * size;
	}
	return false;
}

void mmu_batch_begin(struct mmu_batch *b, struct mmu_space *s)
{
	*b = (struct mmu_batch){ .space = s, .first = ~0ul };
}

static void note_change(struct mmu_batch *b, vaddr_t va)
{
	b->nr_changed++;
	b->takes_away = true;
	b->first = min(b->first, va);
	b->last = max(b->last, va);
}

static uint64_t *present_entry(struct mmu_batch *b, vaddr_t va, unsigned *level)
{
	uint64_t *e = pte_find(root_of(b->space), va, level);

	if (!e)
		panic("page table: nothing is mapped at %#lx", (unsigned long)va);
	return e;
}

void mmu_unmap(struct mmu_batch *b, vaddr_t va)
{
	unsigned level;

	atomic_store(present_entry(b, va, &level), 0);
	note_change(b, va);
}

/* The same page, and all that was allowed before. */
static bool only_allows_more(uint64_t old, uint64_t new)
{
	return !((old ^ new) & (PTE_ADDRESS | PTE_UNCACHED)) && !(old & ~new &PTE_WRITE) &&
	       !(~old & new &PTE_NX) && !(old & ~new &PTE_PRESENT);
}

void mmu_remap(struct mmu_batch *b, vaddr_t va, paddr_t pa, unsigned prot)
{
	unsigned level;
	uint64_t *e = present_entry(b, va, &level);
	uint64_t new = pte_make(pa, prot) | (level ? PTE_LARGE : 0), old;
	bool took_away = b->takes_away;

	/* Other CPUs' walkers set the dirty bit meanwhile. */
	old = atomic_exchange(e, new);
	if (((old ^ new) & PTE_ADDRESS) == 0 && (old & PTE_DIRTY))
		atomic_or(e, PTE_DIRTY);
	note_change(b, va);
	if (only_allows_more(old, new))
		b->takes_away = took_away;
}

int mmu_split(struct mmu_batch *b, vaddr_t va)
{
	unsigned level;
	uint64_t *table = pte_table_new(0), *e;

	if (!table)
		return -ENOMEM;
	e = present_entry(b, va, &level);
	assert(level == 1);
	for (unsigned i = 0; i < 512; i++)
		table[i] = (*e & ~PTE_LARGE) + i * PAGE_SIZE;
	WRITE_ONCE(*e, ptr_to_paddr(table) | PTE_TABLE);
	note_change(b, va);
	return 0;
}

static bool table_is_empty(const uint64_t *table)
{
	for (unsigned i = 0; i < 512; i++)
		if (table[i] & PTE_USED)
			return false;
	return true;
}

/* Takes the tables below `table` that cover [start, end) or part of it and are empty. */
static void prune(struct mmu_batch *b, uint64_t *table, unsigned level, vaddr_t start, vaddr_t end)
{
	vaddr_t size = 1ul << (PAGE_SHIFT + 9 * level);

	for (vaddr_t va = align_down(start, size); va < end; va += size) {
		uint64_t *e = &table[index_of(va, level)];
		struct page *p;

		if (!(*e & PTE_USED) || (*e & PTE_LARGE))
			continue;
		if (level > 1)
			prune(b, table_of(*e), level - 1, max(va, start), min(va + size, end));
		if (!table_is_empty(table_of(*e)))
			continue;
		p = paddr_to_page(*e & PTE_ADDRESS);
		WRITE_ONCE(*e, 0);
		note_change(b, va);
		page_account(PAGE_USE_TABLES, -1);
		p->batch_next = b->freed;
		b->freed = p;
	}
}

void mmu_prune(struct mmu_batch *b, vaddr_t start, vaddr_t end)
{
	prune(b, root_of(b->space), 3, start, end);
}

void mmu_clear_dirty(struct mmu_batch *b, vaddr_t va)
{
	unsigned level;
	uint64_t *e = present_entry(b, va, &level);

	atomic_and(e, ~PTE_DIRTY);
	note_change(b, va);
}

static void flush_local(void *batch)
{
	const struct mmu_batch *b = batch;

	if (cpu_this()->arch.loaded != b->space)
		return;
	if (cpu_soft_kvm || b->nr_changed > FLUSH_SINGLY_MAX ||
	    b->last - b->first >= FLUSH_SINGLY_MAX * PAGE_SIZE) {
		mmu_flush_here();
		return;
	}
	for (vaddr_t va = b->first; va <= b->last; va += PAGE_SIZE)
		invlpg(va);
}

static void flush(struct mmu_batch *b)
{
	uint64_t others;

	if (!b->takes_away)
		return;
	preempt_disable(); /* neither this CPU nor its tables change meanwhile */
	flush_local(b);
	if (!cpu_is_alone()) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the change before the look */
		others = atomic_load(&b->space->cpus) & ~cpu_bit(cpu_this());
		if (others)
			cpu_call(others, flush_local, b);
	}
	preempt_enable();
}

void mmu_batch_end(struct mmu_batch *b)
{
	flush(b);
	while (b->freed) {
		struct page *p = b->freed;

		b->freed = p->batch_next;
		page_put(p);
	}
	b->nr_changed = 0;
	b->takes_away = false;
}
