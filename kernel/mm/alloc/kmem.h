/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel memory. Slabs by size class (up to 2,712 bytes), whole pages above. Freelists are
 * hardened: links are stored xor a per-boot secret, each object ends in a canary that kmem_free
 * checks; under DEBUG freed objects are poisoned. A failing allocation returns NULL.
 *
 * kmem_alloc_nowait may be called in any context; kmem_alloc may reclaim and needs thread context.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

void *kmem_alloc(size_t size); /* zeroed, 16-byte aligned */
void *kmem_alloc_nowait(size_t size);
void kmem_free(void *p);                 /* NULL is fine; any context */
size_t kmem_size(const void *p);         /* usable bytes */
void *kmem_resize(void *p, size_t size); /* as realloc: NULL leaves p alone; the new part is zero */
char *kmem_string(const char *s);        /* a copy */
#define kmem_new(type)          ((type *)kmem_alloc(sizeof(type)))
#define kmem_new_array(type, n) ((type *)kmem_alloc_array(sizeof(type), n))
void *kmem_alloc_array(size_t size, size_t n); /* NULL also when size * n overflows */

/* Kernel stacks: guarded below, in KVIRT. Returns the lowest usable address, 0 = no memory. */
vaddr_t kstack_new(void);
void kstack_free(vaddr_t base); /* any context */
void kstack_trim(void); /* gives memory back if many are free; thread context, no spinlock */
/* Device registers, uncached. NULL = no room. */
void *kmem_map_device(paddr_t pa, size_t len);

/*
 * For tests. Allocations, of pages too, fail with this probability in 1/65536 from now on; 0 =
 * off.
 */
void kmem_fail_rate(unsigned rate, uint64_t seed);
/*
 * The nth allocation from now on fails, once; 0 = off. Returns whether the one asked for last has
 * failed.
 */
bool kmem_fail_at(uint64_t nth);
/* Those fail for which must_fail() says so: any context, no allocation in it. NULL = off. */
void kmem_fail_choose(bool (*must_fail)(void));
/* Asked by the allocators: must this one fail? */
bool kmem_must_fail(void);
/* The slots that CPUs have at hand go back to their slabs, and slabs that become free to the page
 * allocator: how many pages. Thread context, no spinlock held. */
size_t kmem_drain(void);
/* Turns up what the slabs have lost: objects handed out and not freed. */
size_t kmem_nr_objects(void);
/* Before CPU `id` runs: it keeps free objects of its own. -ENOMEM. */
MUST_CHECK int kmem_add_cpu(unsigned id);

/* A size class as it is now; whole pages are no class. */
struct kmem_class {
	size_t size;                 /* bytes of a slot */
	size_t nr_objects, nr_slots; /* handed out; there are */
	unsigned slots_a_slab, pages_a_slab;
};
bool kmem_class_get(unsigned idx, struct kmem_class *out); /* false: there is no such class */

/*
 * For who looks for leaks: each object, with the code that asked for it (NULL: not a slab's, or no
 * DEBUG). What comes or goes meanwhile is shown or not.
 */
typedef void kmem_visit_fn(const void *caller, size_t size, void *arg);
void kmem_visit(kmem_visit_fn *visit, void *arg);
