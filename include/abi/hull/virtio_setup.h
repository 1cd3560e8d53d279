/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A short cut through the registers of virtio-mmio (virtio 1.2 §4.2), where BOOT_VIRTIO_SETUP is
 * set.
 *
 * Every register access is an exit of 10 to 50 us on software KVM, and starting a console with six
 * ports takes a hundred of them. Instead the driver fills a struct virtio_setup, page aligned, and
 * writes its guest-physical page number to VIRTIO_SETUP_REGISTER: one exit, in which the device
 * reads the structure, does what the registers would have done in the order of §3.1.1, and fills in
 * the results. When the write returns, they are there. The registers go on working beside it.
 */
#pragma once
#include <stdint.h>

#define VIRTIO_SETUP_REGISTER   0x0c0 /* offset in the register block; write only, 32 bits */
#define VIRTIO_SETUP_STARTED    15u   /* status: ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK */
#define VIRTIO_SETUP_MAX_QUEUES 40
#define VIRTIO_SETUP_MAX_CONFIG 256

enum virtio_setup_command {
	VIRTIO_SETUP_IDENTIFY = 1, /* fills in device_id ... config; features: those offered */
	VIRTIO_SETUP_START = 2,    /* reset, `features`, queues[0..nr_queues), DRIVER_OK */
};

struct virtio_setup_queue {         /* size 0: this queue is not used */
	uint64_t desc, avail, used; /* guest-physical */
	uint32_t size;
	uint32_t cpu; /* whose interrupts are this queue's, as in cpu_start.h; none such: CPU 0 */
};

struct virtio_setup {
	uint32_t command;
	uint32_t status;    /* result: the device's; START worked: VIRTIO_SETUP_STARTED */
	uint32_t device_id; /* result; 0: no device here */
	uint32_t nr_queues;
	uint32_t queue_size;   /* result: the largest possible */
	uint32_t config_bytes; /* result: how much of config[] is filled in */
	uint64_t features;
	/* For START: guest-physical address of a 32-bit word that the device counts up before the
	 * interrupt for each change of its configuration; 0: nobody looks. */
	uint64_t config_changes;
	uint8_t config[VIRTIO_SETUP_MAX_CONFIG];
	struct virtio_setup_queue queues[VIRTIO_SETUP_MAX_QUEUES];
};
