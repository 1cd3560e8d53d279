/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page cache: finding pages, making and filling them, reading ahead.
 *
 * A page in the tree is PAGE_LOCKED, while its pager fills it, or PAGE_UPTODATE. Pages are put
 * into the tree locked before the pager is called, so that two readers never fill the same page; a
 * failed fill takes them out again. Whoever finds a locked page waits on `filled` and looks again.
 */
#include "mm/object/object.h"

#include "core/sync/lockcheck.h"
#include "core/sync/waitq.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/object/object_internal.h"

#define FILL_MAX   64 /* pages in one call of the pager */
#define WINDOW_MIN 8
#define AROUND     32 /* pages: what a fault brings in, aligned */
#define COUNT_MAX  64 /* pages looked at under one lock */

static void *node_new(size_t size)
{
	return kmem_alloc_nowait(size);
}

static void node_free(void *node, size_t size)
{
	(void)size;
	kmem_free(node);
}

static const struct radix_alloc node_alloc = { node_new, node_free };

void object_init(struct vm_object *o, const struct pager *pager)
{
	*o = (struct vm_object){ .pager = pager };
	lockcheck_spin_init(&o->lock, "object.lock");
	ref_init(&o->ref);
	radix_init(&o->pages, &node_alloc);
	list_init(&o->areas);
	waitq_init(&o->filled);
	list_init(&o->lru_link);
}

struct vm_object *object_new_anonymous(void)
{
	struct vm_object *o = kmem_new(struct vm_object);

	if (o != NULL)
		object_init(o, NULL);
	return o;
}

void object_get(struct vm_object *o)
{
	ref_get(&o->ref);
}

void object_put(struct vm_object *o)
{
	if (!ref_put(&o->ref))
		return;
	if (o->pager == NULL) {
		object_fini(o);
		kmem_free(o);
	} else if (o->pager->destroy != NULL) {
		o->pager->destroy(o);
	}
}

bool object_is_filled(const struct vm_object *o)
{
	return o->pager != NULL && o->pager->fill != NULL;
}

uint64_t object_size(const struct vm_object *o)
{
	if (o->pager == NULL || o->pager->size == NULL)
		return UINT64_MAX;
	return o->pager->size((struct vm_object *)o);
}

static uint64_t nr_pages_of(const struct vm_object *o)
{
	uint64_t size = object_size(o);

	return size / PAGE_SIZE + (size % PAGE_SIZE != 0);
}

void object_wait_page(struct vm_object *o, struct page *p, unsigned flags)
{
	(void)wait_event(&o->filled, !(READ_ONCE(p->flags) & flags), WAIT_UNINTERRUPTIBLE,
			 NSEC_NEVER);
}

/* What lies in an image is none of the memory that is counted. */
static void account(const struct vm_object *o, const struct page *p, long nr)
{
	if (p->flags & PAGE_RESERVED)
		return;
	page_account(PAGE_USE_CACHE, nr);
	if (!object_is_filled(o))
		page_account(PAGE_USE_SHMEM, nr);
}

int object_insert_locked(struct vm_object *o, uint64_t idx, struct page *p, unsigned flags)
{
	if (radix_set(&o->pages, idx, p) != 0)
		return -ENOMEM;
	p->object = o;
	p->idx = idx;
	p->flags |= (uint16_t)(flags | PAGE_ACCESSED);
	o->nr_pages++;
	account(o, p, 1);
	return 0;
}

void object_remove_locked(struct vm_object *o, struct page *p)
{
	radix_remove(&o->pages, p->idx);
	p->object = NULL;
	p->idx = 0;
	/* a table may still map it: no private copy */
	p->flags &= PAGE_USED | PAGE_UPTODATE | PAGE_RESERVED;
	o->nr_pages--;
	account(o, p, -1);
}

static int charge(struct vm_object *o, unsigned nr)
{
	return o->pager != NULL && o->pager->charge != NULL ? o->pager->charge(o, nr) : 0;
}

static void uncharge(struct vm_object *o, unsigned nr)
{
	if (nr > 0 && o->pager != NULL && o->pager->uncharge != NULL)
		o->pager->uncharge(o, nr);
}

/*
 * How many pages to fill at idx: what is wanted, or a window that doubles while reads are in
 * sequence.
 */
static unsigned run_length(struct vm_object *o, uint64_t idx, unsigned want)
{
	unsigned most = min(max(o->pager->readahead_pages, 1u), (unsigned)FILL_MAX);
	uint64_t end = nr_pages_of(o);
	unsigned window = WINDOW_MIN;

	scoped_spin(&o->lock);
	if (idx == o->next_read_idx && idx != 0)
		window = max(o->read_window * 2, (unsigned)WINDOW_MIN);
	if (!page_memory_is_ample())
		window = 1;
	window = min(max(window, want), most);
	if (idx < end)
		window = (unsigned)min((uint64_t)window, end - idx);
	o->read_window = window;
	o->next_read_idx = idx + window;
	return window;
}

/* Puts pages into the tree from idx on, up to the first that is there already. Returns how many. */
static unsigned insert_run(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr,
			   unsigned flags)
{
	unsigned i;

	scoped_spin(&o->lock);
	for (i = 0; i < nr; i++) {
		if (radix_get(&o->pages, idx + i) != NULL ||
		    object_insert_locked(o, idx + i, pages[i], flags) != 0)
			break;
	}
	return i;
}

/* The pager has answered for pages that are locked in the tree. */
static void finish_fill(struct vm_object *o, struct page **pages, unsigned nr, int err)
{
	spin_lock(&o->lock);
	for (unsigned i = 0; i < nr; i++) {
		pages[i]->flags &= (uint16_t)~PAGE_LOCKED;
		pages[i]->flags |= PAGE_UPTODATE;
		if (err != 0)
			object_remove_locked(o, pages[i]);
	}
	spin_unlock(&o->lock);
	waitq_wake_all(&o->filled, 0);
	for (unsigned i = 0; err != 0 && i < nr; i++)
		page_put(pages[i]);
}

static unsigned alloc_run(struct page **pages, unsigned nr, unsigned flags)
{
	unsigned i;

	for (i = 0; i < nr; i++) {
		pages[i] = page_alloc(0, i == 0 ? flags : flags | PAGE_ALLOC_NOWAIT);
		if (pages[i] == NULL)
			break;
	}
	return i;
}

static bool is_absent(struct vm_object *o, uint64_t idx)
{
	scoped_spin(&o->lock);
	return radix_get(&o->pages, idx) == NULL;
}

/* A zero page where nothing stands behind: anonymous, a hole of tmpfs, past the end. */
static int make_zero(struct vm_object *o, uint64_t idx)
{
	struct page *p;
	int err = charge(o, 1);

	if (err != 0)
		return err;
	p = page_alloc(0, PAGE_ALLOC_ZERO);
	if (p != NULL && insert_run(o, idx, &p, 1, PAGE_UPTODATE) == 1)
		return 0;
	uncharge(o, 1);
	if (p != NULL)
		page_put(p);
	return is_absent(o, idx) ? -ENOMEM : 0;
}

/* Where the pages that are missing before idx begin, within its aligned window. */
static uint64_t around_start(struct vm_object *o, uint64_t idx)
{
	uint64_t first = align_down(idx, (uint64_t)AROUND);

	scoped_spin(&o->lock);
	while (idx > first && radix_get(&o->pages, idx - 1) == NULL)
		idx--;
	return idx;
}

static int fill(struct vm_object *o, uint64_t idx, unsigned want)
{
	struct page *pages[FILL_MAX];
	unsigned nr_made, nr;
	int err = 0;

	nr_made = alloc_run(pages, run_length(o, idx, want), 0);
	nr = insert_run(o, idx, pages, nr_made, PAGE_LOCKED);
	for (unsigned i = nr; i < nr_made; i++)
		page_put(pages[i]);
	if (nr == 0)
		return is_absent(o, idx) ? -ENOMEM : 0;
	err = charge(o, nr);
	if (err == 0) {
		err = o->pager->fill(o, idx, pages, nr);
		if (err != 0)
			uncharge(o, nr);
	}
	finish_fill(o, pages, nr, err);
	object_note_clean_pages(o);
	return err;
}

/*
 * A program faults all over a file, and the store's round trip costs more than the bytes: the
 * window around idx comes at once. If that fails, idx alone decides.
 */
static int fill_around(struct vm_object *o, uint64_t idx)
{
	uint64_t start = around_start(o, idx);

	if (fill(o, start, (unsigned)(align_down(idx, (uint64_t)AROUND) + AROUND - start)) == 0)
		return 0;
	return fill(o, idx, 1);
}

static int make(struct vm_object *o, uint64_t idx, unsigned want, unsigned flags)
{
	bool is_past_end = idx >= nr_pages_of(o);
	int err = -ENOENT;

	if (is_past_end && !(flags & OBJECT_BEYOND))
		return -EFAULT;
	if (!object_is_filled(o) || is_past_end || (flags & OBJECT_NO_FILL))
		return make_zero(o, idx);
	if (o->pager->in_place != NULL)
		err = object_take_in_place(o, idx);
	if (err != -ENOENT)
		return err;
	if ((flags & OBJECT_AROUND) && o->pager->readahead_pages != 0 && page_memory_is_ample())
		return fill_around(o, idx);
	return fill(o, idx, want);
}

int object_page_of_run(struct vm_object *o, uint64_t idx, unsigned want, unsigned flags,
		       struct page **out)
{
	struct page *p;
	int err;

	for (;;) {
		spin_lock(&o->lock);
		p = radix_get(&o->pages, idx);
		if (p != NULL)
			page_get(p);
		if (p != NULL && !(p->flags & PAGE_LOCKED)) {
			p->flags |= PAGE_ACCESSED | (flags & OBJECT_FOR_WRITE ? PAGE_DIRTY : 0);
			spin_unlock(&o->lock);
			*out = p;
			return 0;
		}
		spin_unlock(&o->lock);
		if (p != NULL) {
			object_wait_page(o, p, PAGE_LOCKED);
			page_put(p);
			continue;
		}
		err = make(o, idx, want, flags);
		if (err != 0)
			return err;
	}
}

/* A page may still be in the tree though the end has moved below it: the end decides. */
int object_page(struct vm_object *o, uint64_t idx, unsigned flags, struct page **out)
{
	if (!(flags & OBJECT_BEYOND) && idx >= nr_pages_of(o))
		return -EFAULT;
	return object_page_of_run(o, idx, 1, flags, out);
}

struct page *object_page_cached(struct vm_object *o, uint64_t idx)
{
	struct page *p;

	scoped_spin(&o->lock);
	p = radix_get(&o->pages, idx);
	if (p == NULL || (p->flags & PAGE_LOCKED))
		return NULL;
	p->flags |= PAGE_ACCESSED;
	page_get(p);
	return p;
}

/* Some at a time: interrupts are off meanwhile. */
static bool count_mapped(struct vm_object *o, uint64_t *idx, uint64_t *nr)
{
	struct page *p;

	scoped_spin(&o->lock);
	for (unsigned i = 0; i < COUNT_MAX; i++, (*idx)++) {
		p = radix_next(&o->pages, idx);
		if (p == NULL)
			return false;
		*nr += READ_ONCE(p->refs) > 1;
	}
	return true;
}

uint64_t object_nr_mapped(struct vm_object *o)
{
	uint64_t idx = 0, nr = 0;

	while (count_mapped(o, &idx, &nr))
		continue;
	return nr;
}

void object_fini(struct vm_object *o)
{
	uint64_t idx = 0;
	struct page *p;
	unsigned nr = 0;

	object_forget(o);
	for (p = radix_next(&o->pages, &idx); p != NULL; p = radix_next(&o->pages, &idx)) {
		object_remove_locked(o, p); /* nobody else knows the object any more */
		page_put(p);
		nr++;
	}
	uncharge(o, nr);
}

uint64_t object_seek(struct vm_object *o, uint64_t pos, bool data)
{
	uint64_t idx = pos / PAGE_SIZE, found = idx;

	scoped_spin(&o->lock);
	if (data) {
		if (radix_next(&o->pages, &found) == NULL)
			return UINT64_MAX;
	} else {
		while (radix_get(&o->pages, found) != NULL)
			found++;
	}
	return found == idx ? pos : found * PAGE_SIZE;
}
