/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine of machine.h: what kernel/arch and kernel/core are to kernel/mm, in plain C. */
#include "test/host/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/hull/boot.h"
#include "core/panic.h"
#include "core/random.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/sync/mutex.h"
#include "lib/errno.h"
#include "lib/radix.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define IMAGE_END  0x180000ull
#define HUGE_PAGES (HUGE_SIZE / PAGE_SIZE)
#define STALE_MAX  100000

/* ---- core ---- */

static struct cpu the_cpu;
static struct thread the_thread;
struct cpu *fake_cpu = &the_cpu;
struct thread *fake_thread = &the_thread;
struct cpu *cpus[CPUS_MAX] = { &the_cpu };
unsigned nr_cpus = 1;
uint64_t cpus_online = 1;

void cpu_call(uint64_t mask, void (*fn)(void *), void *arg)
{
	(void)mask;
	fn(arg);
}
struct machine_counts machine_counts;

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

static void check(bool cond, const char *what)
{
	if (!cond)
		panic("the machine refuses: %s", what);
}

void spin_lock(struct spinlock *l)
{
	check(l->held == 0, "a spinlock is taken twice");
	l->held = 1;
}

void spin_unlock(struct spinlock *l)
{
	check(l->held == 1, "a spinlock is released but not held");
	l->held = 0;
}

void mutex_init(struct mutex *m)
{
	*m = (struct mutex){ 0 };
}

void mutex_lock(struct mutex *m)
{
	check(m->owner == 0, "a mutex is taken twice");
	m->owner = (uintptr_t)&the_thread;
}

void mutex_unlock(struct mutex *m)
{
	check(m->owner != 0, "a mutex is released but not held");
	m->owner = 0;
}

void waitq_init(struct waitq *q)
{
	list_init(&q->entries);
}

void waitq_wake_all(struct waitq *q, unsigned key)
{
	(void)q;
	(void)key;
}

void wait_begin(struct waitq *q, struct wait_entry *e)
{
	(void)q;
	(void)e;
}

int wait_sleep(enum wait_flags flags, nsec_t deadline)
{
	(void)flags;
	(void)deadline;
	panic("the only thread sleeps");
}

void wait_end(struct waitq *q, struct wait_entry *e)
{
	(void)q;
	(void)e;
}

uint64_t random_u64(void)
{
	return 0x0123456789abcdefull;
}

/* arch/program.h declares it, beside types of Linux's that the C library has too. */
struct door_table *door_table_fork(const struct door_table *parent);
struct door_table *door_table_fork(const struct door_table *parent)
{
	(void)parent;
	return NULL;
}

void door_table_free(struct door_table *t);
void door_table_free(struct door_table *t)
{
	(void)t;
}

/* Where kernel/fs is linked, it has these two. */
__attribute__((weak)) struct file *file_get(struct file *f)
{
	ref_get(&f->ref);
	return f;
}

__attribute__((weak)) void file_put(struct file *f)
{
	check(f->ref.count > 1, "the test's file is put too often");
	check(!ref_put(&f->ref), "and gone");
}

/* ---- page tables ---- */

struct pte {
	paddr_t pa;
	unsigned prot;
	enum mmu_level level;
	bool dirty;
};
struct tables {
	struct radix entries;
};

static struct page *stale[STALE_MAX];
static unsigned nr_stale;

static void *table_new(size_t size)
{
	return calloc(1, size);
}

static void table_free(void *node, size_t size)
{
	(void)size;
	free(node);
}

static const struct radix_alloc table_alloc = { table_new, table_free };

static struct radix *entries_of(const struct mmu_space *s)
{
	return &((struct tables *)s->root)->entries;
}

int mmu_space_init(struct mmu_space *s)
{
	struct tables *t;

	if (kmem_must_fail())
		return -ENOMEM;
	t = calloc(1, sizeof(*t));
	radix_init(&t->entries, &table_alloc);
	s->root = (paddr_t)t;
	machine_counts.tables++;
	return 0;
}

void mmu_space_fini(struct mmu_space *s)
{
	check(entries_of(s)->root == NULL, "a space ends with mappings left");
	free((void *)s->root);
	machine_counts.tables--;
}

static struct pte *find(const struct mmu_space *s, vaddr_t va)
{
	struct pte *e = radix_get(entries_of(s), va / PAGE_SIZE);

	if (e != NULL)
		return e;
	e = radix_get(entries_of(s), va / HUGE_SIZE * HUGE_PAGES);
	return e != NULL && e->level == MMU_2M ? e : NULL;
}

static int put_entry(struct mmu_space *s, vaddr_t va, struct pte value)
{
	struct pte *e = malloc(sizeof(*e));

	*e = value;
	return radix_set(entries_of(s), va / PAGE_SIZE, e);
}

int mmu_map(struct mmu_space *s, vaddr_t va, paddr_t pa, unsigned prot, enum mmu_level level)
{
	uint64_t idx = va / PAGE_SIZE;

	check(find(s, va) == NULL, "an address is mapped twice");
	check(is_aligned(va, level == MMU_2M ? HUGE_SIZE : PAGE_SIZE) && va < USER_TOP,
	      "a bad address");
	if (level == MMU_2M)
		check(radix_next(entries_of(s), &idx) == NULL || idx >= va / PAGE_SIZE + HUGE_PAGES,
		      "a huge page over small ones");
	if (kmem_must_fail())
		return -ENOMEM;
	return put_entry(s, va, (struct pte){ pa, prot, level, false });
}

static void fill_entry(struct mmu_entry *out, const struct pte *e)
{
	*out = (struct mmu_entry){ e->pa, e->prot, e->level, e->dirty, true };
}

bool mmu_lookup(const struct mmu_space *s, vaddr_t va, struct mmu_entry *out)
{
	struct pte *e = find(s, va);

	if (e != NULL)
		fill_entry(out, e);
	return e != NULL;
}

bool mmu_next(const struct mmu_space *s, vaddr_t *va, vaddr_t end, struct mmu_entry *out)
{
	uint64_t idx = *va / PAGE_SIZE;
	struct pte *e = find(s, *va);

	if (e != NULL)
		idx = e->level == MMU_2M ? *va / HUGE_SIZE * HUGE_PAGES : idx;
	else
		e = radix_next(entries_of(s), &idx);
	if (e == NULL || idx * PAGE_SIZE >= end)
		return false;
	*va = idx * PAGE_SIZE;
	fill_entry(out, e);
	return true;
}

void mmu_batch_begin(struct mmu_batch *b, struct mmu_space *s)
{
	*b = (struct mmu_batch){ .space = s };
}

static void note_stale(struct mmu_batch *b, const struct pte *e)
{
	struct page *p = paddr_to_page(e->pa);

	b->nr_changed++;
	check(nr_stale < STALE_MAX, "the test is too large");
	if (p != NULL)
		stale[nr_stale++] = p;
}

void mmu_unmap(struct mmu_batch *b, vaddr_t va)
{
	struct pte *e = radix_remove(entries_of(b->space), va / PAGE_SIZE);

	check(e != NULL, "what is not mapped is unmapped");
	note_stale(b, e);
	free(e);
}

void mmu_remap(struct mmu_batch *b, vaddr_t va, paddr_t pa, unsigned prot)
{
	struct pte *e = radix_get(entries_of(b->space), va / PAGE_SIZE);

	check(e != NULL, "what is not mapped is remapped");
	note_stale(b, e);
	e->pa = pa;
	e->prot = prot;
}

int mmu_split(struct mmu_batch *b, vaddr_t va)
{
	struct pte *e = radix_get(entries_of(b->space), va / PAGE_SIZE), huge;

	check(e != NULL && e->level == MMU_2M, "what is not huge is split");
	if (kmem_must_fail())
		return -ENOMEM;
	huge = *e;
	*e = (struct pte){ huge.pa, huge.prot, MMU_4K, huge.dirty };
	for (size_t i = 1; i < HUGE_PAGES; i++) {
		struct pte small = { huge.pa + i * PAGE_SIZE, huge.prot, MMU_4K, huge.dirty };

		check(put_entry(b->space, va + i * PAGE_SIZE, small) == 0, "no memory on the host");
	}
	b->nr_changed++;
	return 0;
}

void mmu_prune(struct mmu_batch *b, vaddr_t start, vaddr_t end)
{
	(void)b;
	check(start < end, "bad range");
}

void mmu_batch_end(struct mmu_batch *b)
{
	struct page *next;

	for (unsigned i = 0; i < nr_stale; i++)
		check((stale[i]->flags & PAGE_RESERVED) || stale[i]->refs > 0,
		      "a page was freed before the flush");
	nr_stale = 0;
	machine_counts.flushes += b->nr_changed != 0;
	for (struct page *p = b->freed; p != NULL; p = next) {
		next = p->batch_next;
		page_put(p);
	}
	b->freed = NULL;
	b->nr_changed = 0;
}

int mmu_kernel_map(vaddr_t va, paddr_t pa, size_t len, unsigned prot)
{
	(void)va;
	(void)pa;
	(void)len;
	(void)prot;
	return kmem_must_fail() ? -ENOMEM : 0;
}

void mmu_kernel_clear(vaddr_t va, size_t len)
{
	(void)va;
	(void)len;
}

void mmu_kernel_flush(void)
{
}

paddr_t ptr_to_paddr(const void *ptr)
{
	return (vaddr_t)ptr - DIRECT_MAP_BASE;
}

/* ---- RAM ---- */

void machine_start(size_t nr_pages)
{
	size_t len = IMAGE_END + nr_pages * PAGE_SIZE;
	void *want = (void *)DIRECT_MAP_BASE;
	struct boot_info info = {
		.flags = BOOT_RAM_ZERO,
		.nr_memory = 2,
		.launch = IMAGE_END,
		.launch_bytes = 100,
		.memory = { { 0, len, BOOT_MEMORY_RAM, 0 },
			    { 0x9f000, 0x61000, BOOT_MEMORY_RESERVED, 0 } },
	};
	void *ram = mmap(want, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);

	check(ram == want, "no room for the RAM");
	memset((char *)ram + 0x2000, 0xee, 0x1000); /* below the image it is not zero */
	page_early_init(&info, IMAGE_END);
	check(page_early() == IMAGE_END + PAGE_SIZE, "the launch record is given away");
	page_init(&info);
}

/* ---- the program ---- */

static int access(struct vmspace *vs, uaddr_t addr, unsigned kind, uint8_t **out)
{
	struct pte *e;
	int err;

	for (int i = 0; i < 4; i++) {
		e = addr < USER_TOP ? find(&vs->mmu, addr) : NULL;
		if (e != NULL && (e->prot & kind) == kind) {
			e->dirty |= kind & MMU_WRITE;
			*out = (uint8_t *)paddr_to_ptr(e->pa) +
			       addr % (e->level == MMU_2M ? HUGE_SIZE : PAGE_SIZE);
			return 0;
		}
		machine_counts.faults++;
		err = vmspace_fault(vs, addr, kind);
		if (err != 0)
			return err;
	}
	panic("a fault at %#lx is not resolved", (unsigned long)addr);
}

int machine_load(struct vmspace *vs, uaddr_t addr, uint8_t *out)
{
	uint8_t *at;
	int err = access(vs, addr, MMU_READ, &at);

	if (err == 0)
		*out = *at;
	return err;
}

int machine_store(struct vmspace *vs, uaddr_t addr, uint8_t value)
{
	uint8_t *at;
	int err = access(vs, addr, MMU_WRITE, &at);

	if (err == 0)
		*at = value;
	return err;
}

int machine_execute(struct vmspace *vs, uaddr_t addr)
{
	uint8_t *at;

	return access(vs, addr, MMU_EXEC, &at);
}

void machine_use(struct vmspace *vs)
{
	the_thread.vmspace = vs;
}

static bool is_user(const void *p)
{
	return (uintptr_t)p < 0x100000000000ull;
}

size_t arch_user_copy(void *dst, const void *src, size_t len)
{
	struct vmspace *vs = the_thread.vmspace;
	uint8_t *to = dst, byte;
	const uint8_t *from = src;

	for (; len > 0; to++, from++, len--) {
		if (is_user(from) ? machine_load(vs, (uaddr_t)from, &byte) : (byte = *from, 0))
			break;
		if (is_user(to) ? machine_store(vs, (uaddr_t)to, byte) : (*to = byte, 0))
			break;
	}
	return len;
}

size_t arch_user_zero(void *dst, size_t len)
{
	uaddr_t at = (uaddr_t)dst;

	while (len > 0 && machine_store(the_thread.vmspace, at, 0) == 0) {
		at++;
		len--;
	}
	return len;
}

int arch_user_compare_exchange_u32(uint32_t *p, uint32_t expected, uint32_t desired, uint32_t *old)
{
	if (arch_user_copy(old, p, sizeof(*old)) != 0)
		return -EFAULT;
	if (*old != expected)
		return 0;
	return arch_user_copy(p, &desired, sizeof(desired)) == 0 ? 0 : -EFAULT;
}

/* ---- a file ---- */

struct machine_file {
	struct file file;
	struct vm_object object;
	uint8_t *bytes;
	uint64_t size;
	unsigned nr_fills;
};

static struct machine_file *owner(struct vm_object *o)
{
	return container_of(o, struct machine_file, object);
}

static int file_fill(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr)
{
	struct machine_file *m = owner(o);

	check(o->lock.held == 0, "the pager is called with a lock held");
	m->nr_fills++;
	if (kmem_must_fail())
		return -EIO;
	for (unsigned i = 0; i < nr; i++) {
		check(pages[i]->flags & PAGE_LOCKED, "a page to fill is not locked");
		memcpy(page_to_ptr(pages[i]), m->bytes + (idx + i) * PAGE_SIZE, PAGE_SIZE);
	}
	return 0;
}

static int file_flush(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr)
{
	struct machine_file *m = owner(o);
	uint64_t at;

	check(o->lock.held == 0, "the pager is called with a lock held");
	for (unsigned i = 0; i < nr; i++) {
		at = (idx + i) * PAGE_SIZE;
		if (at < m->size)
			memcpy(m->bytes + at, page_to_ptr(pages[i]), min(PAGE_SIZE, m->size - at));
	}
	return 0;
}

static uint64_t file_size(struct vm_object *o)
{
	return owner(o)->size;
}

static int file_mmap(struct file *f, struct vm_area *area)
{
	struct machine_file *m = container_of(f, struct machine_file, file);

	area->object = &m->object;
	object_get(area->object);
	return 0;
}

static const struct pager file_pager = {
	.fill = file_fill, .flush = file_flush, .size = file_size, .readahead_pages = 32
};
static const struct file_ops file_operations = { .mmap = file_mmap };

struct machine_file *machine_file_new(size_t nr_pages, bool writable)
{
	struct machine_file *m = calloc(1, sizeof(*m));

	m->size = nr_pages * PAGE_SIZE;
	m->bytes = calloc(1, m->size + 64 * PAGE_SIZE);
	for (size_t i = 0; i < m->size; i++)
		m->bytes[i] = (uint8_t)(i / PAGE_SIZE + i % 251);
	m->file.ops = &file_operations;
	m->file.traits = FILE_SEEKABLE | FILE_READ | (writable ? FILE_WRITE : 0);
	ref_init(&m->file.ref);
	object_init(&m->object, &file_pager);
	return m;
}

void machine_file_free(struct machine_file *m)
{
	check(m->file.ref.count == 1 && m->object.ref.count == 1, "a file is still in use");
	object_fini(&m->object);
	free(m->bytes);
	free(m);
}

struct file *machine_file_get(struct machine_file *m)
{
	return &m->file;
}

struct vm_object *machine_file_object(struct machine_file *m)
{
	return &m->object;
}

uint8_t *machine_file_bytes(struct machine_file *m)
{
	return m->bytes;
}

void machine_file_resize(struct machine_file *m, uint64_t size)
{
	uint64_t old = m->size;

	m->size = size;
	if (size < old) {
		memset(m->bytes + size, 0, old - size);
		object_truncate(&m->object, size, UINT64_MAX);
	}
}

unsigned machine_file_fills(const struct machine_file *m)
{
	return m->nr_fills;
}

unsigned machine_file_refs(const struct machine_file *m)
{
	return m->file.ref.count;
}
