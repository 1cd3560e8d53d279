/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world of world.h: stand-ins for core's time/timer.h, sync/spinlock.h, random.h, uio.h,
 * mm/alloc/kmem.h, page.h.
 */
#include "test/net/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/panic.h"
#include "core/random.h"
#include "core/sync/spinlock.h"
#include "core/uio.h"
#include "lib/list.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "net/net.h"

#define HEADER 64u /* in front of what is handed out; a page's struct page is in it */

nsec_t world_now;
static struct tree timers;
static uint64_t random_state[2]; /* the stack's, the test's */
static size_t nr_objects, nr_bytes, nr_bytes_most;
static unsigned fail_rate;
static unsigned nr_locks;

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* ---- randomness ---- */

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

uint64_t random_u64(void)
{
	return next_random(&random_state[0]);
}

void random_get(void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)random_u64();
}

uint64_t world_random(void)
{
	return next_random(&random_state[1]);
}

double world_chance(void)
{
	return (double)(world_random() >> 11) / 9007199254740992.0;
}

/* ---- locks ---- */

void spin_lock(struct spinlock *l)
{
	if (l->held != 0)
		panic("a spinlock is taken twice");
	l->held = 1;
	nr_locks++;
}

void spin_unlock(struct spinlock *l)
{
	if (l->held != 1)
		panic("a spinlock is released but not held");
	l->held = 0;
	nr_locks--;
}

/* ---- time ---- */

nsec_t clock_monotonic(void)
{
	return world_now;
}

nsec_t clock_realtime(void)
{
	return world_now + 1700000000 * NSEC_PER_SEC;
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn, .deadline = NSEC_NEVER };
}

bool timer_cancel(struct timer *t)
{
	if (!t->armed)
		return false;
	tree_remove(&timers, &t->node);
	t->armed = false;
	return true;
}

void timer_arm(struct timer *t, nsec_t deadline)
{
	struct tree_node **slot = &timers.root, *parent = NULL;

	timer_cancel(t);
	t->deadline = deadline;
	while (*slot != NULL) {
		parent = *slot;
		slot = deadline < tree_entry(parent, struct timer, node)->deadline ? &parent->left
										   : &parent->right;
	}
	tree_insert(&timers, parent, slot, &t->node);
	t->armed = true;
}

nsec_t world_next(void)
{
	struct tree_node *n = tree_first(&timers);

	return n == NULL ? NSEC_NEVER : tree_entry(n, struct timer, node)->deadline;
}

bool world_step(nsec_t limit)
{
	struct tree_node *n = tree_first(&timers);
	struct timer *t;

	if (n == NULL)
		return false;
	t = tree_entry(n, struct timer, node);
	if (t->deadline > limit)
		return false;
	if (t->deadline > world_now)
		world_now = t->deadline;
	timer_cancel(t);
	t->fn(t);
	if (nr_locks != 0)
		panic("a timer's callback leaves a lock held");
	return true;
}

void world_advance(nsec_t to)
{
	while (world_step(to))
		;
	if (to > world_now)
		world_now = to;
}

void world_start(uint64_t seed)
{
	world_now = 3600 * NSEC_PER_SEC;
	random_state[0] = seed;
	random_state[1] = ~seed;
	timers.root = NULL;
	nr_bytes_most = nr_bytes;
	fail_rate = 0;
}

/* ---- memory ---- */

struct header {
	size_t size;
};

static void *allocate(size_t size)
{
	struct header *h;

	if (fail_rate != 0 && world_random() % 65536 < fail_rate)
		return NULL;
	h = calloc(1, HEADER + size);
	if (h == NULL)
		panic("the host has no memory");
	h->size = size;
	nr_objects++;
	nr_bytes += size;
	nr_bytes_most = nr_bytes > nr_bytes_most ? nr_bytes : nr_bytes_most;
	return (char *)h + HEADER;
}

static void release(void *p)
{
	struct header *h = (struct header *)((char *)p - HEADER);

	nr_objects--;
	nr_bytes -= h->size;
	free(h);
}

void *kmem_alloc(size_t size)
{
	return allocate(size);
}

void *kmem_alloc_nowait(size_t size)
{
	return allocate(size);
}

void *kmem_alloc_array(size_t size, size_t n)
{
	return allocate(size * n);
}

void kmem_free(void *p)
{
	if (p != NULL)
		release(p);
}

size_t kmem_size(const void *p)
{
	return ((const struct header *)((const char *)p - HEADER))->size;
}

size_t world_nr_objects(void)
{
	return nr_objects;
}

size_t world_bytes(void)
{
	return nr_bytes;
}

size_t world_bytes_most(void)
{
	return nr_bytes_most;
}

void world_fail_rate(unsigned rate)
{
	fail_rate = rate;
}

/* A page is its struct page and then its bytes. */
_Static_assert(sizeof(struct page) <= HEADER, "a page's header is too small");

struct page *page_alloc(unsigned order, unsigned flags)
{
	struct page *p = allocate(HEADER + (PAGE_SIZE << order));

	(void)flags;
	if (p == NULL)
		return NULL;
	p->refs = 1;
	p->order = (uint8_t)order;
	return p;
}

void *page_to_ptr(const struct page *p)
{
	return (char *)p + HEADER;
}

void page_free(struct page *p, unsigned order)
{
	(void)order;
	release(p);
}

void page_get(struct page *p)
{
	p->refs++;
}

void page_put(struct page *p)
{
	if (--p->refs == 0)
		release(p);
}

uint64_t page_nr_total(void)
{
	return 262144;
}

/* ---- bytes of a user: always the test's own ---- */

size_t uio_copy_from(struct uio *u, void *dst, size_t len)
{
	len = min(len, u->left);
	memcpy(dst, (const char *)u->vecs[0].base + u->offset, len);
	u->offset += len;
	u->left -= len;
	return len;
}

size_t uio_copy_to(struct uio *u, const void *src, size_t len)
{
	len = min(len, u->left);
	memcpy((char *)u->vecs[0].base + u->offset, src, len);
	u->offset += len;
	u->left -= len;
	return len;
}

size_t uio_take_page(struct uio *u, size_t most, struct page **p, size_t *offset)
{
	(void)u, (void)most, (void)p, (void)offset;
	return 0; /* it has none */
}

/* ---- deferred work, where net.c is not linked ---- */

__attribute__((weak)) void net_run(void)
{
}

__attribute__((weak)) void net_finish_wake(struct net *net)
{
	(void)net;
}
