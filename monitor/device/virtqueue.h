/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a split virtqueue (virtio 1.2 §2.7), for any transport.
 *
 * The rings lie in memory that the guest writes while we read: each index, length and address is
 * read once into a local copy, checked, and only then used. A chain that breaks the rules (an index
 * outside the ring, a loop, a readable buffer after a writable one, an address outside guest
 * memory, more than VIRTQUEUE_MAX_IOV pieces, 4 GiB or more in all) makes the queue `broken`: it
 * gives nothing more.
 *
 *	virtqueue_map		ring addresses (guest-physical) -> pointers, checked
 *	virtqueue_start		begins to serve a ring
 *	virtqueue_pop		the next chain: 1, 0 (empty) or -EPROTO (broken now)
 *	virtqueue_push		hands a chain back
 *	virtqueue_needs_interrupt	after pushes: does the driver want to hear of them?
 *	virtqueue_arm / _disarm		ask for notifications, or say that we look by ourselves
 *
 * The usual loop: disarm; pop, serve, push until empty; interrupt if needed; poll a while; then
 * arm, and sleep only if it returned false. One thread at a time uses a queue.
 */
#pragma once
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "monitor/guest_memory.h"

#define VIRTQUEUE_MAX_SIZE 1024 /* of a ring, in descriptors */
#define VIRTQUEUE_MAX_IOV  1024 /* pieces of one chain, both directions together */

struct virtqueue_rings {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

struct virtqueue {
	const struct guest_memory *memory;
	struct virtqueue_rings rings;
	uint16_t size;           /* a power of two */
	uint16_t next_avail;     /* the next entry of the available ring to take */
	uint16_t next_used;      /* the next entry of the used ring to fill */
	uint16_t signalled_used; /* next_used at the last question about an interrupt */
	bool event_idx;          /* VIRTIO_F_EVENT_IDX was negotiated */
	bool ready;
	bool broken;
};

/* One request: nr_readable pieces for the device to read, then nr_writable for it to fill. */
struct virtqueue_chain {
	uint16_t head;
	unsigned nr_readable, nr_writable;
	size_t readable_bytes, writable_bytes;
	struct iovec *readable, *writable; /* into iov[] */
	struct iovec iov[VIRTQUEUE_MAX_IOV];
};

/* 0; -EINVAL: a bad size, a misaligned ring, or one that is not inside guest memory. */
int virtqueue_map(const struct guest_memory *memory, uint16_t size, const uint64_t gpa[3],
		  struct virtqueue_rings *rings);

/* `size` as checked by virtqueue_map or by the same rules; `next_avail`: 0, or where to go on. */
void virtqueue_start(struct virtqueue *vq, const struct guest_memory *memory,
		     const struct virtqueue_rings *rings, uint16_t size, uint16_t next_avail);
void virtqueue_stop(struct virtqueue *vq);

bool virtqueue_has_work(const struct virtqueue *vq);
int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain);
void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t written_bytes);
/* Several chains that the driver must find there together, or not yet (§5.1.6.3.2). */
void virtqueue_push_all(struct virtqueue *vq, const struct vring_used_elem *chains, unsigned nr);
bool virtqueue_needs_interrupt(struct virtqueue *vq);
void virtqueue_disarm(struct virtqueue *vq);
/* true: more arrived meanwhile, look again. */
bool virtqueue_arm(struct virtqueue *vq);
