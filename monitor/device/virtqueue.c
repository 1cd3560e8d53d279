/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Split virtqueues, device side (virtio 1.2 §2.7). The driver's memory is read through `shared`
 * accesses only: one volatile load into a local, then checks on the local.
 */
#include "monitor/device/virtqueue.h"
#include <errno.h>
#include "lib/compiler.h"

struct walk { /* a chain being collected */
	struct virtqueue_chain *chain;
	struct vring_desc *table;
	uint32_t table_size;
	uint32_t steps_left; /* bounds a loop: a chain fits its table */
	uint64_t total_bytes;
	bool indirect;
};

static uint16_t load_index(const uint16_t *shared)
{
	return __atomic_load_n(shared, __ATOMIC_ACQUIRE);
}

static uint16_t *used_event(const struct virtqueue *vq)
{
	return &vq->rings.avail->ring[vq->size];
}

static uint16_t *avail_event(const struct virtqueue *vq)
{
	return (uint16_t *)(void *)&vq->rings.used->ring[vq->size];
}

int virtqueue_map(const struct guest_memory *memory, uint16_t size, const uint64_t gpa[3],
		  struct virtqueue_rings *rings)
{
	if (size == 0 || size > VIRTQUEUE_MAX_SIZE || (size & (size - 1)) != 0)
		return -EINVAL;
	if (gpa[0] % 16 != 0 || gpa[1] % 2 != 0 || gpa[2] % 4 != 0)
		return -EINVAL;
	rings->desc = guest_memory_at(memory, gpa[0], 16ull * size);
	rings->avail = guest_memory_at(memory, gpa[1], 6 + 2ull * size);
	rings->used = guest_memory_at(memory, gpa[2], 6 + 8ull * size);
	return rings->desc != NULL && rings->avail != NULL && rings->used != NULL ? 0 : -EINVAL;
}

void virtqueue_start(struct virtqueue *vq, const struct guest_memory *memory,
		     const struct virtqueue_rings *rings, uint16_t size, uint16_t next_avail)
{
	vq->memory = memory;
	vq->rings = *rings;
	vq->size = size;
	vq->next_avail = next_avail;
	vq->next_used = load_index(&rings->used->idx);
	vq->signalled_used = vq->next_used;
	vq->broken = false;
	vq->ready = true;
}

void virtqueue_stop(struct virtqueue *vq)
{
	vq->ready = false;
}

bool virtqueue_has_work(const struct virtqueue *vq)
{
	return vq->ready && !vq->broken && load_index(&vq->rings.avail->idx) != vq->next_avail;
}

static struct vring_desc load_descriptor(const struct vring_desc *shared)
{
	return (struct vring_desc){
		.addr = READ_ONCE(shared->addr),
		.len = READ_ONCE(shared->len),
		.flags = READ_ONCE(shared->flags),
		.next = READ_ONCE(shared->next),
	};
}

/* Adds one buffer; readable ones come first (§2.7.4.2). */
static int add_piece(struct walk *walk, const struct virtqueue *vq, const struct vring_desc *d)
{
	struct virtqueue_chain *chain = walk->chain;
	unsigned n = chain->nr_readable + chain->nr_writable;
	bool writable = (d->flags & VRING_DESC_F_WRITE) != 0;
	void *host;

	if (!writable && chain->nr_writable > 0)
		return -EPROTO;
	walk->total_bytes += d->len;
	if (walk->total_bytes > UINT32_MAX)
		return -EPROTO;
	if (d->len == 0)
		return 0;
	host = guest_memory_at(vq->memory, d->addr, d->len);
	if (host == NULL || n == VIRTQUEUE_MAX_IOV)
		return -EPROTO;
	chain->iov[n] = (struct iovec){ .iov_base = host, .iov_len = d->len };
	if (writable) {
		chain->nr_writable++;
		chain->writable_bytes += d->len;
	} else {
		chain->nr_readable++;
		chain->readable_bytes += d->len;
	}
	return 0;
}

/* A table of its own replaces the ring's for the rest of the chain (§2.7.5.3). */
static int enter_indirect(struct walk *walk, const struct virtqueue *vq, const struct vring_desc *d)
{
	uint32_t nr = d->len / sizeof(*d);

	if (walk->indirect || (d->flags & VRING_DESC_F_NEXT) != 0)
		return -EPROTO;
	if (nr == 0 || d->len % sizeof(*d) != 0 || nr > VIRTQUEUE_MAX_IOV || d->addr % 16 != 0)
		return -EPROTO;
	walk->table = guest_memory_at(vq->memory, d->addr, d->len);
	walk->table_size = nr;
	walk->steps_left = nr;
	walk->indirect = true;
	return walk->table != NULL ? 0 : -EPROTO;
}

static int walk_chain(struct walk *walk, const struct virtqueue *vq, uint32_t idx)
{
	for (;;) {
		struct vring_desc d;
		int error;

		if (idx >= walk->table_size || walk->steps_left-- == 0)
			return -EPROTO;
		d = load_descriptor(&walk->table[idx]);
		if ((d.flags & VRING_DESC_F_INDIRECT) != 0) {
			error = enter_indirect(walk, vq, &d);
			idx = 0;
		} else {
			error = add_piece(walk, vq, &d);
			idx = d.next;
		}
		if (error != 0)
			return error;
		if ((d.flags & (VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT)) == 0)
			return 0;
	}
}

int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain)
{
	struct walk walk = { .chain = chain,
			     .table = vq->rings.desc,
			     .table_size = vq->size,
			     .steps_left = vq->size };
	uint16_t waiting, head;

	if (!vq->ready || vq->broken)
		return 0;
	waiting = (uint16_t)(load_index(&vq->rings.avail->idx) - vq->next_avail);
	if (waiting == 0)
		return 0;
	head = READ_ONCE(vq->rings.avail->ring[vq->next_avail & (vq->size - 1)]);
	chain->head = head;
	chain->nr_readable = chain->nr_writable = 0;
	chain->readable_bytes = chain->writable_bytes = 0;
	if (waiting > vq->size || walk_chain(&walk, vq, head) != 0) {
		vq->broken = true;
		return -EPROTO;
	}
	chain->readable = chain->iov;
	chain->writable = chain->iov + chain->nr_readable;
	vq->next_avail++;
	return 1;
}

void virtqueue_push_all(struct virtqueue *vq, const struct vring_used_elem *chains, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct vring_used_elem *slot =
			&vq->rings.used->ring[vq->next_used & (vq->size - 1)];

		WRITE_ONCE(slot->id, chains[i].id);
		WRITE_ONCE(slot->len, chains[i].len);
		vq->next_used++;
	}
	__atomic_store_n(&vq->rings.used->idx, vq->next_used, __ATOMIC_RELEASE);
}

void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t written_bytes)
{
	const struct vring_used_elem chain = { .id = head, .len = written_bytes };

	virtqueue_push_all(vq, &chain, 1);
}

bool virtqueue_needs_interrupt(struct virtqueue *vq)
{
	uint16_t old = vq->signalled_used;

	if (!vq->ready || old == vq->next_used)
		return false;
	vq->signalled_used = vq->next_used;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* used->idx before the driver's wish */
	if (!vq->event_idx)
		return (READ_ONCE(vq->rings.avail->flags) & VRING_AVAIL_F_NO_INTERRUPT) == 0;
	return vring_need_event(READ_ONCE(*used_event(vq)), vq->next_used, old);
}

/* With event-idx a stale avail_event already keeps the driver quiet. */
void virtqueue_disarm(struct virtqueue *vq)
{
	if (vq->ready && !vq->event_idx)
		WRITE_ONCE(vq->rings.used->flags, VRING_USED_F_NO_NOTIFY);
}

bool virtqueue_arm(struct virtqueue *vq)
{
	if (!vq->ready || vq->broken)
		return false;
	if (vq->event_idx)
		WRITE_ONCE(*avail_event(vq), vq->next_avail);
	else
		WRITE_ONCE(vq->rings.used->flags, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* our wish before avail->idx */
	return virtqueue_has_work(vq);
}
