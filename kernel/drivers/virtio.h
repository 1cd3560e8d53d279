/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio, the driver's side (virtio 1.2). A driver is one file with one VIRTIO_DRIVER line; the
 * transport (virtio_mmio.c, virtio_pci.c) is invisible to it.
 *
 *	probe:	virtio_start(d, features)	reset, acknowledge, negotiate
 *		virtio_config_read(...)		what the device says of itself
 *		virtq_new(d, idx, size)		each queue that it wants
 *		virtio_ready(d)			DRIVER_OK: the device runs, interrupts come
 *
 * A virtq is a split ring (§2.7). Its owner serialises all calls on it with a lock of its own; that
 * may be a spinlock. Requests are chains of pieces of direct-map memory (never of a kernel stack:
 * stacks are mapped elsewhere), the device-readable ones first; virtq_take hands their cookies back
 * as the device finishes them, in its order.
 *
 * Interrupts: the device has one, and it means "look at the used rings". The driver's interrupt()
 * runs in interrupt context and takes from its queues what is there. Queues of virtq_new_on() have
 * theirs on the CPU that they name, where the transport can do that: there it means those queues.
 * With VIRTIO_F_EVENT_IDX a queue is silent until virtq_arm() asks for the next completion; each
 * interrupt needs a new virtq_arm(). A true return means that something is there already: take it,
 * then arm again.
 *
 * The host is trusted, its bugs are not: an index or id that cannot be marks the device broken (one
 * log line), virtq_add says -EIO from then on, and virtq_take gives nothing.
 */
#pragma once
#include <linux/virtio_ring.h>

#include "core/platform.h"
#include "lib/compiler.h"
#include "lib/types.h"

#define VIRTIO_QUEUE_SIZE_MAX 256
#define VIRTIO_PIECES_MAX     264 /* in one request */

struct virtio_device;
struct virtq;

struct virtio_transport {
	/* the interface of before 1.0 (§1.3.1): no VIRTIO_F_VERSION_1, rings on whole pages */
	bool is_legacy;
	uint64_t (*features)(struct virtio_device *d);
	int (*negotiate)(struct virtio_device *d, uint64_t features); /* -ENODEV: refused */
	void (*config_read)(struct virtio_device *d, unsigned offset, void *buf, size_t len);
	/* Rings and cpu are filled in; cpu becomes 0 if its interrupts cannot go there. */
	int (*queue_setup)(struct virtio_device *d, struct virtq *q);
	/* 0: no such queue */
	unsigned (*queue_size_max)(struct virtio_device *d, unsigned idx);
	void (*ready)(struct virtio_device *d);
	void (*notify)(struct virtio_device *d, struct virtq *q);
	void (*fail)(struct virtio_device *d); /* status FAILED: we give up on it */
};

struct virtio_driver {
	uint32_t id; /* device id, virtio 1.2 §5 */
	const char *name;
	int (*probe)(struct virtio_device *d);
	void (*interrupt)(struct virtio_device *d); /* interrupt context */
	/* the device's configuration is another; interrupt context; NULL: it never is */
	void (*config_changed)(struct virtio_device *d);
};
#define VIRTIO_DRIVER(name) LINKER_SET_ITEM(virtio_drivers, struct virtio_driver) name

struct virtio_device {
	struct device *dev;                       /* [I] */
	const struct virtio_transport *transport; /* [I] */
	const struct virtio_driver *driver;       /* [I] */
	uint64_t features;                        /* [I] after virtio_start */
	bool broken;                              /* [a] */
	/* [a] DRIVER_OK was set: interrupts go to the driver */
	bool running;
	void *private; /* the driver's */
	void *transport_private;
};

struct virtq_slot {
	void *cookie;
	struct vring_desc *table;
	uint16_t nr;
};

struct virtq {
	struct virtio_device *dev; /* [I] */
	unsigned idx;              /* [I] */
	uint16_t size;             /* [I] a power of two */
	unsigned cpu;              /* [I] where its interrupts come: as asked for, or 0 */
	/* all else: [owner's lock] */
	uint16_t free_head, nr_free; /* chain of free descriptors, linked by .next */
	/* entries offered; offered at the last notification */
	uint16_t avail_idx, notified_idx;
	uint16_t used_idx; /* entries taken */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct virtq_slot *slots; /* by head descriptor */
	void *notify;             /* transport's */
};

struct virtq_piece {
	void *ptr;
	size_t len;
};

struct virtq_request {
	const struct virtq_piece *out, *in; /* for the device to read, to write */
	unsigned nr_out, nr_in;
	void *cookie; /* not NULL */
};

/* For transports. */
MUST_CHECK int virtio_device_new(struct device *dev, const struct virtio_transport *t, uint32_t id,
				 void *transport_private);
void virtio_device_interrupt(struct virtio_device *d);      /* interrupt context */
void virtio_device_config_changed(struct virtio_device *d); /* interrupt context */

/* For drivers. `wanted` beside what the rings themselves use. */
MUST_CHECK int virtio_start(struct virtio_device *d, uint64_t wanted);
uint64_t virtio_offered(struct virtio_device *d); /* before virtio_start */
bool virtio_has_feature(const struct virtio_device *d, unsigned bit);
void virtio_config_read(struct virtio_device *d, unsigned offset, void *buf, size_t len);
void virtio_ready(struct virtio_device *d);

/* NULL: no such queue, or no memory. size: at most; a power of two. */
struct virtq *virtq_new(struct virtio_device *d, unsigned idx, unsigned size);
struct virtq *virtq_new_on(struct virtio_device *d, unsigned idx, unsigned size, unsigned cpu);
/* Offers a request; virtq_kick() tells the device, once for many. -ENOSPC: the ring is full, and
 * the next completion makes room. -ENOMEM: no memory for a table, and the ring is smaller. -EIO:
 * broken. Any context. */
MUST_CHECK int virtq_add(struct virtq *q, const struct virtq_request *r);
void virtq_kick(struct virtq *q);
/* The next finished request's cookie, or NULL. *len: bytes that the device wrote. */
void *virtq_take(struct virtq *q, uint32_t *len);
/* Of a broken device: a request that was in flight, or NULL when there is none left. */
void *virtq_abandon(struct virtq *q);
bool virtq_has_used(const struct virtq *q);
bool virtq_arm(struct virtq *q);
/* As virtq_arm, but for the n-th completion from now on, 1 is the next. */
bool virtq_arm_after(struct virtq *q, unsigned n);
unsigned virtq_in_flight(const struct virtq *q); /* requests */
bool virtq_is_empty(const struct virtq *q);      /* nothing is in flight */
