/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device, seen from both of its sides.
 *
 * The transport (virtio_mmio.c, on any vCPU's thread) keeps the registers; it hands the queues over
 * at DRIVER_OK and takes them back at a reset. The device's worker serves the queues in between.
 * `lock` is what they meet under: the worker holds it while it serves, never while it sleeps.
 *
 * Parts. Some of the queues may be a part, which has a worker and a lock of its own. What concerns
 * the whole device (start, reset, and what several parts read) changes under all locks: the
 * device's, then the parts' in order (device_lock_parts).
 *
 * Interrupts are messages (KVM_SIGNAL_MSI): one vector a device, meaning "look at your used rings"
 * to the CPU that the queue was given to when it was set up, which is 0 if nothing was said.
 * The driver need not read InterruptStatus, nor acknowledge; a driver that does both is served too.
 * That the configuration changed is told by the same vector, after a counter in the guest's memory
 * (abi/hull/virtio_setup.h) went up.
 */
#pragma once
#include <pthread.h>
#include "monitor/device/virtqueue.h"
#include "monitor/vm.h"

#define DEVICE_QUEUE_SIZE 256 /* QueueNumMax */

struct device_queue_setup { /* what the driver has written so far */
	uint64_t gpa[3];    /* descriptors, available, used */
	uint16_t size;
	uint32_t cpu; /* that is interrupted */
	bool ready;
};

struct device;

struct device_part {
	/* [I] after device_add */
	struct device *device;               /* [I] */
	unsigned first_queue, nr_queues;     /* [I] */
	int kick_fd;                         /* [I] the worker's */
	bool (*serve)(struct device_part *); /* [I] one step, under lock: true if it did anything */
	bool (*arm)(struct device_part *);   /* [I] under lock */
	pthread_mutex_t lock;
};

struct device {
	/* [I] after device_add  [a] atomic  [l] lock  [b] vm->bus_lock */
	struct vm *vm;               /* [I] */
	const char *name;            /* [I] for messages */
	uint32_t type;               /* [I] virtio 1.2 §5 */
	uint64_t features;           /* [I] offered, beside the transport's own */
	const void *config;          /* [I] */
	size_t config_bytes;         /* [I] */
	unsigned nr_queues;          /* [I] */
	int kick_fd;                 /* [I] the worker's */
	unsigned slot;               /* [I] n-th register block */
	struct device_part **parts;  /* [I] the caller's; the other queues are the device's own */
	unsigned nr_parts;           /* [I] */
	struct device_part **owners; /* [l, changed under all] by queue; NULL: the device's own */
	/*
	 * The worker's calls, under lock. serve: one step, true if it did anything. arm: asks the
	 * driver for notifications, true if more has arrived; NULL: device_arm_all.
	 */
	bool (*serve)(struct device *);    /* [I] */
	bool (*arm)(struct device *);      /* [I] */
	void (*on_reset)(struct device *); /* [I] under lock; NULL: nothing to do */

	uint32_t status, feature_select, driver_feature_select, queue_select; /* [b] */
	uint64_t driver_features;                                             /* [b] */
	struct device_queue_setup *setup;                                     /* [b] nr_queues */
	uint32_t interrupt_status;                                            /* [a] */
	uint32_t config_generation;                                           /* [a] */
	uint32_t identified_generation; /* [b] that the driver has read (virtio_setup.h) */

	pthread_mutex_t lock;
	struct virtqueue *queues; /* [l, of a part's its lock] nr_queues */
	uint32_t *cpus;           /* [l, changed under all] whom a queue interrupts; nr_queues */
	bool running;             /* [l, changed under all] between DRIVER_OK and reset */
	uint32_t *config_changes; /* [l] the guest's counter; NULL: it has none */
};

/*
 * Fields marked [I] but vm, slot and the queues' are set by the caller. Allocates queues and setup.
 */
int device_add(struct vm *vm, struct device *device);
void device_remove(struct device *device);

/* The worker's side. true: something was done. A malformed ring ends the VM with a message. */
bool device_serve(struct device *device);
bool device_arm(struct device *device);
bool device_arm_all(struct device *device);
bool device_part_serve(struct device_part *part);
bool device_part_arm(struct device_part *part);
/* With the device's lock. */
void device_lock_parts(struct device *device);
void device_unlock_parts(struct device *device);
/* Something in `config` is another: the driver is told. Under lock. */
void device_config_changed(struct device *device);

/* The vCPUs' side: an access to the register block, with vm->bus_lock. */
void virtio_mmio_read(struct device *device, uint32_t offset, void *data, uint32_t len);
void virtio_mmio_write(struct device *device, uint32_t offset, uint32_t value);
/* KVM's part: notification by ioeventfd, other writes collected. */
int virtio_mmio_register(struct device *device);
