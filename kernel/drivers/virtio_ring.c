/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split virtqueue, driver's side (virtio 1.2 §2.7). A request of one piece, or where no table
 * can be had, is a chain of the ring's own descriptors; any other goes through an indirect table
 * (§2.7.5.3) of its own, so that it takes one descriptor whatever its size. Pieces that lie one
 * after the other in physical memory become one.
 *
 * Notification suppression is by index (§2.7.10): the device says in avail_event from where on it
 * wants to be told, and we say the same of completions in used_event. A used_event that is behind
 * asks for nothing, so a queue that nobody armed is silent.
 */
#include <linux/virtio_ring.h>
#include "core/log.h"
#include "arch/mmu.h"
#include "drivers/virtio.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

static void break_device(struct virtq *q, const char *why, unsigned value)
{
	if (!q->dev->broken)
		log_error("virtio %s: queue %u: %s (%u): the device is given up",
			  q->dev->driver->name, q->idx, why, value);
	atomic_store(&q->dev->broken, true);
}

static uint16_t *used_event(struct virtq *q)
{
	return &q->avail->ring[q->size];
}

static uint16_t *avail_event(struct virtq *q)
{
	return (uint16_t *)(void *)&q->used->ring[q->size];
}

/* The three parts of a ring in one block, or NULL; a legacy device has the last begin on a page,
 * and therefore all (§2.7.2). */
static void *ring_memory(unsigned size, bool is_legacy, size_t *avail_at, size_t *used_at)
{
	size_t len, order = 0;
	struct page *page;

	*avail_at = sizeof(struct vring_desc) * size;
	*used_at = align_up(*avail_at + sizeof(uint16_t) * (size + 3),
			    is_legacy ? PAGE_SIZE : sizeof(uint32_t));
	len = *used_at + sizeof(struct vring_used_elem) * size + sizeof(uint16_t) * 3;
	if (len <= PAGE_SIZE / 2)
		return kmem_alloc(len);
	while ((PAGE_SIZE << order) < len)
		order++;
	page = page_alloc((unsigned)order, PAGE_ALLOC_ZERO);
	return page == NULL ? NULL : page_to_ptr(page);
}

/* Rings live as long as the machine: a queue that was given to the device is never freed. */
struct virtq *virtq_new_on(struct virtio_device *d, unsigned idx, unsigned size, unsigned cpu)
{
	unsigned limit = d->transport->queue_size_max(d, idx);
	struct virtq *q;
	size_t avail_at, used_at;
	char *ring;

	while (size > limit)
		size /= 2;
	if (size == 0)
		return NULL;
	q = kmem_new(struct virtq);
	if (q == NULL)
		return NULL;
	q->slots = kmem_new_array(struct virtq_slot, size);
	if (q->slots == NULL)
		goto err_free;
	ring = ring_memory(size, d->transport->is_legacy, &avail_at, &used_at);
	if (ring == NULL)
		goto err_free;
	q->dev = d;
	q->idx = idx;
	q->cpu = cpu;
	q->size = (uint16_t)size;
	q->desc = (struct vring_desc *)(void *)ring;
	q->avail = (struct vring_avail *)(void *)(ring + avail_at);
	q->used = (struct vring_used *)(void *)(ring + used_at);
	q->nr_free = (uint16_t)size;
	for (unsigned i = 0; i < size; i++)
		q->desc[i].next = (uint16_t)(i + 1);
	*used_event(q) = UINT16_MAX;
	if (!virtio_has_feature(d, VIRTIO_RING_F_EVENT_IDX))
		q->avail->flags = 0;
	if (d->transport->queue_setup(d, q) == 0)
		return q;
	log_error("virtio %s: queue %u cannot be set up", d->driver->name, idx);
err_free:
	kmem_free(q->slots);
	kmem_free(q);
	return NULL;
}

struct virtq *virtq_new(struct virtio_device *d, unsigned idx, unsigned size)
{
	return virtq_new_on(d, idx, size, 0);
}

/* The i-th piece of a request. */
static const struct virtq_piece *piece_at(const struct virtq_request *r, unsigned i)
{
	return i < r->nr_out ? &r->out[i] : &r->in[i - r->nr_out];
}

/* Fills `table`, joining neighbours; next links are consecutive. Returns the count. */
static unsigned fill_table(struct vring_desc *table, const struct virtq_request *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->nr_out + r->nr_in; i++) {
		uint32_t len = (uint32_t)piece_at(r, i)->len;
		uint64_t address = ptr_to_paddr(piece_at(r, i)->ptr);
		uint16_t flags = i >= r->nr_out ? VRING_DESC_F_WRITE : 0;
		struct vring_desc *last = n == 0 ? NULL : &table[n - 1];

		if (last != NULL && (last->flags & VRING_DESC_F_WRITE) == flags &&
		    last->addr + last->len == address) {
			last->len += len;
			continue;
		}
		if (last != NULL)
			last->flags |= VRING_DESC_F_NEXT;
		table[n] = (struct vring_desc){ address, len, flags, (uint16_t)(n + 1) };
		n++;
	}
	return n;
}

/* One descriptor that leads to a table. -ENOMEM: none to be had. */
static int add_indirect(struct virtq *q, const struct virtq_request *r)
{
	struct vring_desc *table = kmem_alloc_nowait((r->nr_out + r->nr_in) * sizeof(*table));
	uint16_t head = q->free_head;

	if (table == NULL)
		return -ENOMEM;
	q->free_head = q->desc[head].next;
	q->nr_free--;
	q->desc[head].addr = ptr_to_paddr(table);
	q->desc[head].len = fill_table(table, r) * (uint32_t)sizeof(*table);
	q->desc[head].flags = VRING_DESC_F_INDIRECT;
	q->slots[head].table = table;
	q->slots[head].nr = 1;
	return head;
}

static int add_direct(struct virtq *q, const struct virtq_request *r)
{
	uint16_t head = q->free_head, at = head;
	unsigned nr = r->nr_out + r->nr_in;

	for (unsigned i = 0; i < nr; i++) {
		struct vring_desc *d = &q->desc[at];

		d->addr = ptr_to_paddr(piece_at(r, i)->ptr);
		d->len = (uint32_t)piece_at(r, i)->len;
		d->flags = (uint16_t)((i >= r->nr_out ? VRING_DESC_F_WRITE : 0) |
				      (i + 1 < nr ? VRING_DESC_F_NEXT : 0));
		at = d->next;
	}
	q->free_head = at;
	q->nr_free -= (uint16_t)nr;
	q->slots[head].table = NULL;
	q->slots[head].nr = (uint16_t)nr;
	return head;
}

int virtq_add(struct virtq *q, const struct virtq_request *r)
{
	unsigned nr = r->nr_out + r->nr_in;
	int head = -ENOMEM;

	if (q->dev->broken)
		return -EIO;
	if (nr == 0 || nr > VIRTIO_PIECES_MAX)
		return -EINVAL;
	if (q->nr_free == 0)
		return -ENOSPC;
	if (nr > 1 && virtio_has_feature(q->dev, VIRTIO_RING_F_INDIRECT_DESC))
		head = add_indirect(q, r);
	if (head < 0 && nr > q->size)
		return -ENOMEM;
	if (head < 0 && nr > q->nr_free)
		return -ENOSPC;
	if (head < 0)
		head = add_direct(q, r);
	q->slots[head].cookie = r->cookie;
	q->avail->ring[q->avail_idx & (q->size - 1)] = (uint16_t)head;
	q->avail_idx++;
	atomic_store(&q->avail->idx, q->avail_idx);
	return 0;
}

void virtq_kick(struct virtq *q)
{
	uint16_t old = q->notified_idx;
	bool needed;

	if (q->dev->broken || old == q->avail_idx)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* avail->idx before the device's wish */
	if (virtio_has_feature(q->dev, VIRTIO_RING_F_EVENT_IDX))
		needed = vring_need_event(READ_ONCE(*avail_event(q)), q->avail_idx, old);
	else
		needed = (READ_ONCE(q->used->flags) & VRING_USED_F_NO_NOTIFY) == 0;
	q->notified_idx = q->avail_idx;
	if (needed)
		q->dev->transport->notify(q->dev, q);
}

bool virtq_has_used(const struct virtq *q)
{
	return atomic_load(&q->used->idx) != q->used_idx;
}

bool virtq_is_empty(const struct virtq *q)
{
	return q->nr_free == q->size;
}

/* Gives a finished chain's descriptors back. */
static void free_chain(struct virtq *q, uint16_t head)
{
	struct virtq_slot *slot = &q->slots[head];
	uint16_t last = head;

	for (unsigned i = 1; i < slot->nr; i++)
		last = q->desc[last].next;
	q->desc[last].next = q->free_head;
	q->free_head = head;
	q->nr_free += slot->nr;
	kmem_free(slot->table);
	*slot = (struct virtq_slot){ NULL, NULL, 0 };
}

void *virtq_take(struct virtq *q, uint32_t *len)
{
	uint16_t waiting = (uint16_t)(atomic_load(&q->used->idx) - q->used_idx);
	struct vring_used_elem *e;
	uint32_t id;
	void *cookie;

	if (waiting == 0 || q->dev->broken)
		return NULL;
	if (waiting > q->size - q->nr_free) {
		break_device(q, "more completions than requests", waiting);
		return NULL;
	}
	e = &q->used->ring[q->used_idx & (q->size - 1)];
	id = READ_ONCE(e->id);
	*len = READ_ONCE(e->len);
	if (id >= q->size || q->slots[id].nr == 0) {
		break_device(q, "completion of an unknown request", id);
		return NULL;
	}
	cookie = q->slots[id].cookie;
	q->used_idx++;
	free_chain(q, (uint16_t)id);
	return cookie;
}

void *virtq_abandon(struct virtq *q)
{
	for (unsigned i = 0; q->dev->broken && i < q->size; i++) {
		void *cookie = q->slots[i].cookie;

		/* its table stays: the device may still look at it */
		q->slots[i].cookie = NULL;
		if (cookie != NULL)
			return cookie;
	}
	return NULL;
}

bool virtq_arm_after(struct virtq *q, unsigned n)
{
	if (virtio_has_feature(q->dev, VIRTIO_RING_F_EVENT_IDX)) {
		WRITE_ONCE(*used_event(q), (uint16_t)(q->used_idx + n - 1));
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* our wish before used->idx */
	}
	return (uint16_t)(atomic_load(&q->used->idx) - q->used_idx) >= n && !q->dev->broken;
}

bool virtq_arm(struct virtq *q)
{
	return virtq_arm_after(q, 1);
}

unsigned virtq_in_flight(const struct virtq *q)
{
	return (uint16_t)(q->avail_idx - q->used_idx);
}
