/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over MMIO, version 2 (virtio 1.2 §4.2): the registers of one device.
 *
 * An access costs an exit to this process (25 us on software KVM), so most writes never come alone:
 * KVM collects those that need no answer ("coalesced MMIO") and the run loop replays them, in
 * order, before it handles any other exit; QueueNotify is an ioeventfd. Status is not collected: a
 * write to it takes effect at once, after everything before it.
 *
 * Driver mistakes that the specification gives no answer to set DEVICE_NEEDS_RESET (§2.1.2).
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "abi/hull/virtio_setup.h"
#include "lib/types.h"
#include "monitor/device/device.h"

#define MAGIC          0x74726976u  /* "virt" */
#define VENDOR         0x6c6c7548u  /* "Hull" */
#define RING_EVENT_IDX (1ull << 29) /* VIRTIO_F_EVENT_IDX */
#define RING_INDIRECT  (1ull << 28) /* VIRTIO_F_INDIRECT_DESC */

static uint64_t offered(const struct device *device)
{
	return device->features | 1ull << VIRTIO_F_VERSION_1 | RING_EVENT_IDX | RING_INDIRECT;
}

static uint64_t register_block(const struct device *device)
{
	return VM_DEVICE_BASE + (uint64_t)device->slot * VM_DEVICE_BYTES;
}

/* Where there are parts, each queue's notification is its worker's. -1: errno. */
static int register_notify(const struct device *device)
{
	struct kvm_ioeventfd notify = {
		.addr = register_block(device) + VIRTIO_MMIO_QUEUE_NOTIFY,
		.len = 4,
		.fd = device->kick_fd,
	};
	int error = 0;

	if (device->nr_parts == 0)
		return ioctl(device->vm->vm_fd, KVM_IOEVENTFD, &notify);
	notify.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
	for (unsigned i = 0; i < device->nr_queues && error == 0; i++) {
		const struct device_part *part = device->owners[i];

		notify.datamatch = i;
		notify.fd = part != NULL ? part->kick_fd : device->kick_fd;
		error = ioctl(device->vm->vm_fd, KVM_IOEVENTFD, &notify);
	}
	return error;
}

/* Collected: the selectors and everything that describes a queue, but QueueNotify and Status. */
int virtio_mmio_register(struct device *device)
{
	static const struct {
		uint32_t from, to;
	} collected[] = {
		{ VIRTIO_MMIO_DEVICE_FEATURES_SEL, VIRTIO_MMIO_QUEUE_READY + 4 },
		{ VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH + 4 },
	};
	struct vm *vm = device->vm;

	if (register_notify(device) < 0)
		return vm_fail(vm, errno, "KVM_IOEVENTFD: %s", strerror(errno));
	for (size_t i = 0; vm->ring != NULL && i < ARRAY_SIZE(collected); i++) {
		struct kvm_coalesced_mmio_zone zone = {
			.addr = register_block(device) + collected[i].from,
			.size = collected[i].to - collected[i].from,
		};

		if (ioctl(vm->vm_fd, KVM_REGISTER_COALESCED_MMIO, &zone) < 0)
			return vm_fail(vm, errno, "KVM_REGISTER_COALESCED_MMIO: %s",
				       strerror(errno));
	}
	return 0;
}

static struct device_queue_setup *selected(struct device *device)
{
	if (device->queue_select >= device->nr_queues)
		return NULL;
	return &device->setup[device->queue_select];
}

static uint32_t generation(const struct device *device)
{
	return __atomic_load_n(&device->config_generation, __ATOMIC_SEQ_CST);
}

static uint32_t read_register(struct device *device, uint32_t offset)
{
	struct device_queue_setup *queue = selected(device);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return 2;
	case VIRTIO_MMIO_DEVICE_ID:
		return device->type;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return device->feature_select > 1
			       ? 0
			       : (uint32_t)(offered(device) >> (32 * device->feature_select));
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return queue != NULL ? DEVICE_QUEUE_SIZE : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return queue != NULL && queue->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return __atomic_load_n(&device->interrupt_status, __ATOMIC_SEQ_CST);
	case VIRTIO_MMIO_STATUS:
		return device->status;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return generation(device);
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
		return UINT32_MAX; /* no such region (§4.2.2) */
	default:
		return 0;
	}
}

void virtio_mmio_read(struct device *device, uint32_t offset, void *data, uint32_t len)
{
	uint32_t value;

	memset(data, 0, len);
	if (offset >= VIRTIO_MMIO_CONFIG) {
		offset -= VIRTIO_MMIO_CONFIG;
		if (offset < device->config_bytes)
			memcpy(data, (const char *)device->config + offset,
			       min((size_t)len, device->config_bytes - offset));
		return;
	}
	value = read_register(device, offset);
	memcpy(data, &value, min((size_t)len, sizeof(value)));
}

static void lock_all(struct device *device)
{
	pthread_mutex_lock(&device->lock);
	device_lock_parts(device);
}

static void unlock_all(struct device *device)
{
	device_unlock_parts(device);
	pthread_mutex_unlock(&device->lock);
}

/* Takes the queues from the worker (§2.1.2: status 0). */
static void reset(struct device *device)
{
	lock_all(device);
	for (unsigned i = 0; i < device->nr_queues; i++)
		virtqueue_stop(&device->queues[i]);
	if (device->running && device->on_reset != NULL)
		device->on_reset(device);
	device->running = false;
	device->config_changes = NULL;
	unlock_all(device);
	memset(device->setup, 0, device->nr_queues * sizeof(*device->setup));
	device->driver_features = 0;
	device->status = 0;
	__atomic_store_n(&device->interrupt_status, 0, __ATOMIC_SEQ_CST);
}

/* Hands the queues to the worker. */
static int start(struct device *device)
{
	const uint64_t wake = 1;
	int error = 0;

	lock_all(device);
	for (unsigned i = 0; i < device->nr_queues && error == 0; i++) {
		struct device_queue_setup *setup = &device->setup[i];
		struct virtqueue_rings rings;

		if (!setup->ready)
			continue;
		error = virtqueue_map(&device->vm->memory, setup->size, setup->gpa, &rings);
		if (error != 0)
			break;
		device->cpus[i] = setup->cpu < device->vm->config->nr_cpus ? setup->cpu : 0;
		device->queues[i].event_idx = (device->driver_features & RING_EVENT_IDX) != 0;
		virtqueue_start(&device->queues[i], &device->vm->memory, &rings, setup->size, 0);
	}
	device->running = error == 0;
	unlock_all(device);
	if (error == 0 && write(device->kick_fd, &wake, sizeof(wake)) < 0)
		error = -errno;
	return error;
}

static void write_status(struct device *device, uint32_t value)
{
	uint32_t added = value & ~device->status;

	if (value == 0) {
		reset(device);
		return;
	}
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) != 0 &&
	    ((device->driver_features & ~offered(device)) != 0 ||
	     (device->driver_features & 1ull << VIRTIO_F_VERSION_1) == 0))
		value &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK; /* refused (§3.1.1) */
	device->status |= value & 0xff;
	if ((added & VIRTIO_CONFIG_S_DRIVER_OK) != 0 &&
	    ((device->status & VIRTIO_CONFIG_S_FEATURES_OK) == 0 || start(device) != 0))
		device->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
}

static void write_low(uint64_t *gpa, uint32_t value)
{
	*gpa = (*gpa & ~0xffffffffull) | value;
}

static void write_high(uint64_t *gpa, uint32_t value)
{
	*gpa = (*gpa & 0xffffffffull) | (uint64_t)value << 32;
}

/* The selected queue's description; it does not change any more once the device runs. */
static void write_queue(struct device *device, uint32_t offset, uint32_t value)
{
	struct device_queue_setup *queue = selected(device);

	if (queue == NULL || (device->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		queue->size = value <= DEVICE_QUEUE_SIZE ? (uint16_t)value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		queue->ready = value == 1;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		write_low(&queue->gpa[(offset - VIRTIO_MMIO_QUEUE_DESC_LOW) / 16], value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		write_high(&queue->gpa[(offset - VIRTIO_MMIO_QUEUE_DESC_HIGH) / 16], value);
		break;
	default:
		break;
	}
}

static void identify(struct device *device, struct virtio_setup *reply)
{
	device->identified_generation = generation(device);
	reply->device_id = device->type;
	reply->nr_queues = device->nr_queues;
	reply->queue_size = DEVICE_QUEUE_SIZE;
	reply->features = offered(device);
	reply->config_bytes = (uint32_t)min(device->config_bytes, sizeof(reply->config));
	memcpy(reply->config, device->config, reply->config_bytes);
}

static void set_config_changes(struct device *device, uint64_t gpa)
{
	uint32_t *counter = NULL;

	if (gpa != 0 && gpa % sizeof(*counter) == 0)
		counter = guest_memory_at(&device->vm->memory, gpa, sizeof(*counter));
	pthread_mutex_lock(&device->lock);
	device->config_changes = counter;
	pthread_mutex_unlock(&device->lock);
}

static void start_by(struct device *device, const struct virtio_setup *request)
{
	const uint32_t driver = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	const uint32_t features_ok = driver | VIRTIO_CONFIG_S_FEATURES_OK;

	reset(device);
	device->driver_features = request->features;
	write_status(device, features_ok);
	if (device->status != features_ok || request->nr_queues > device->nr_queues)
		return;
	for (unsigned i = 0; i < request->nr_queues; i++) {
		const struct virtio_setup_queue *q = &request->queues[i];

		device->setup[i] = (struct device_queue_setup){
			.gpa = { q->desc, q->avail, q->used },
			.size = q->size <= DEVICE_QUEUE_SIZE ? (uint16_t)q->size : 0,
			.cpu = q->cpu,
			.ready = q->size != 0,
		};
	}
	set_config_changes(device, request->config_changes);
	write_status(device, features_ok | VIRTIO_CONFIG_S_DRIVER_OK);
	if (device->identified_generation == generation(device))
		return;
	pthread_mutex_lock(&device->lock); /* what it read is old already */
	device_config_changed(device);
	pthread_mutex_unlock(&device->lock);
}

/* abi/hull/virtio_setup.h. The guest's structure is copied before it is looked at. */
static void write_setup(struct device *device, uint32_t page_number)
{
	struct virtio_setup *shared, request;

	shared = guest_memory_at(&device->vm->memory, (uint64_t)page_number * PAGE_SIZE,
				 sizeof(request));
	if (shared == NULL)
		return;
	memcpy(&request, shared, sizeof(request));
	if (request.command == VIRTIO_SETUP_IDENTIFY)
		identify(device, &request);
	else if (request.command == VIRTIO_SETUP_START &&
		 request.nr_queues <= VIRTIO_SETUP_MAX_QUEUES)
		start_by(device, &request);
	request.status = device->status;
	memcpy(shared, &request, sizeof(request));
}

void virtio_mmio_write(struct device *device, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		device->feature_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		device->driver_feature_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if ((device->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0)
			break;
		if (device->driver_feature_select == 0)
			write_low(&device->driver_features, value);
		else if (device->driver_feature_select == 1)
			write_high(&device->driver_features, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		device->queue_select = value;
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		__atomic_fetch_and(&device->interrupt_status, ~value, __ATOMIC_SEQ_CST);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(device, value);
		break;
	case VIRTIO_SETUP_REGISTER:
		write_setup(device, value);
		break;
	default:
		write_queue(device, offset, value);
	}
}
