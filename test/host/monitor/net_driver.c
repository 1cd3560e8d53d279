/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's rings and the monitor's stand-ins: net_driver.h. */
#include "test/host/monitor/net_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
/* after the four above */
#include <cmocka.h>

struct vm vm;
struct vm_net config;
struct virtio_net *net;
uint8_t *ram;
uint16_t nr_offered[QUEUES_MAX], nr_taken[QUEUES_MAX];

static struct vm_config vm_config;

/* ---- the driver ---- */

struct virtqueue_rings rings_of(unsigned q)
{
	const uint64_t gpa[3] = { q * RING_BYTES, q * RING_BYTES + 0x800, q * RING_BYTES + 0x1000 };
	struct virtqueue_rings rings;

	assert_int_equal(virtqueue_map(&vm.memory, SIZE, gpa, &rings), 0);
	return rings;
}

void start(uint64_t features)
{
	memset(ram, 0, RAM_BYTES);
	memset(nr_offered, 0, sizeof(nr_offered));
	memset(nr_taken, 0, sizeof(nr_taken));
	for (unsigned q = 0; q < net->device.nr_queues; q++) {
		struct virtqueue_rings rings = rings_of(q);

		virtqueue_start(&net->device.queues[q], &vm.memory, &rings, SIZE, 0);
	}
	net->device.driver_features = features & net->device.features;
	net->device.config_changes = (uint32_t *)(void *)(ram + COUNTER);
	net->device.running = true;
}

void stop(void)
{
	for (unsigned q = 0; q < net->device.nr_queues; q++)
		virtqueue_stop(&net->device.queues[q]);
	net->device.on_reset(&net->device);
	net->device.running = false;
}

uint8_t *slot(unsigned n)
{
	return ram + DATA_GPA + n * SLOT_BYTES;
}

void describe(unsigned q, unsigned idx, struct vring_desc d)
{
	rings_of(q).desc[idx] = d;
}

void offer(unsigned q, uint16_t head)
{
	struct vring_avail *avail = rings_of(q).avail;

	avail->ring[nr_offered[q]++ % SIZE] = head;
	avail->idx = nr_offered[q];
}

void offer_slot(unsigned q, unsigned n, uint32_t len, uint16_t flags)
{
	describe(q, n, (struct vring_desc){ DATA_GPA + n * SLOT_BYTES, len, flags, 0 });
	offer(q, (uint16_t)n);
}

bool take(unsigned q, struct vring_used_elem *e)
{
	struct vring_used *used = rings_of(q).used;

	if (used->idx == nr_taken[q])
		return false;
	*e = used->ring[nr_taken[q]++ % SIZE];
	return true;
}

void serve(void)
{
	for (int i = 0; i < 8; i++) {
		device_serve(&net->device);
		for (unsigned n = 0; n < net->device.nr_parts; n++)
			device_part_serve(net->parts[n]);
	}
}

void fill_frame(uint8_t *frame, size_t len, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(seed + i * 7);
	memcpy(frame, config.mac, 6);
	frame[12] = 8;
	frame[13] = 0;
}

uint8_t command(unsigned q, uint8_t class, uint8_t code, const void *data, uint32_t len)
{
	struct vring_used_elem e;
	uint8_t *bytes = slot(20), *answer = slot(21);

	bytes[0] = class;
	bytes[1] = code;
	memcpy(bytes + 2, data, len);
	*answer = 0xaa;
	describe(q, 0,
		 (struct vring_desc){ DATA_GPA + 20 * SLOT_BYTES, 2 + len, VRING_DESC_F_NEXT, 1 });
	describe(q, 1, (struct vring_desc){ DATA_GPA + 21 * SLOT_BYTES, 1, VRING_DESC_F_WRITE, 0 });
	offer(q, 0);
	serve();
	assert_true(take(q, &e));
	assert_int_equal(e.len, 1);
	return *answer;
}

/* ---- birth and death ---- */

void driver_begin(unsigned nr_cpus)
{
	ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(ram != MAP_FAILED);
	memset(&vm, 0, sizeof(vm));
	vm_config = (struct vm_config){ .nets = &config, .nr_nets = 1, .nr_cpus = nr_cpus };
	vm.config = &vm_config;
	vm.vm_fd = -1;
	vm.memory.regions[0] = (struct guest_region){ 0, RAM_BYTES, ram };
	vm.memory.nr_regions = 1;
	nr_fails = 0;
	net = virtio_net_new(&vm, 0, NULL);
	assert_non_null(net);
	assert_true(net->device.nr_queues <= QUEUES_MAX);
}

void driver_end(void)
{
	virtio_net_free(net);
	munmap(ram, RAM_BYTES);
}
