/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all devices have in common on the worker's side: a step of service under the lock, then at
 * most one interrupt for everything that the step put into used rings.
 */
#include "monitor/device/device.h"
#include <errno.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define MSI_ADDRESS 0xfee00000u /* fixed delivery by edge, to the APIC in bits 12 to 19 */
#define APIC_SHIFT  12

static void add_part(struct device *device, struct device_part *part)
{
	part->device = device;
	pthread_mutex_init(&part->lock, NULL);
	for (unsigned i = 0; i < part->nr_queues; i++)
		device->owners[part->first_queue + i] = part;
}

int device_add(struct vm *vm, struct device *device)
{
	if (vm->nr_devices == VM_MAX_DEVICES)
		return vm_fail(vm, EINVAL, "more than %d devices", VM_MAX_DEVICES);
	device->vm = vm;
	device->slot = vm->nr_devices;
	device->setup = calloc(device->nr_queues, sizeof(*device->setup));
	device->queues = calloc(device->nr_queues, sizeof(*device->queues));
	device->cpus = calloc(device->nr_queues, sizeof(*device->cpus));
	device->owners = calloc(device->nr_queues, sizeof(*device->owners));
	if (device->setup == NULL || device->queues == NULL || device->cpus == NULL ||
	    device->owners == NULL) {
		device_remove(device);
		return vm_fail(vm, ENOMEM, "no memory for the %s device", device->name);
	}
	pthread_mutex_init(&device->lock, NULL);
	for (unsigned i = 0; i < device->nr_parts; i++)
		add_part(device, device->parts[i]);
	vm->devices[vm->nr_devices++] = device;
	return 0;
}

void device_remove(struct device *device)
{
	free(device->setup);
	free(device->queues);
	free(device->cpus);
	free(device->owners);
	device->setup = NULL;
	device->queues = NULL;
	device->cpus = NULL;
	device->owners = NULL;
}

void device_lock_parts(struct device *device)
{
	for (unsigned i = 0; i < device->nr_parts; i++)
		pthread_mutex_lock(&device->parts[i]->lock);
}

void device_unlock_parts(struct device *device)
{
	for (unsigned i = 0; i < device->nr_parts; i++)
		pthread_mutex_unlock(&device->parts[i]->lock);
}

static void interrupt(struct device *device, uint32_t cause, uint32_t cpu)
{
	struct kvm_msi msi = { .address_lo = MSI_ADDRESS | cpu << APIC_SHIFT,
			       .data = VM_DEVICE_VECTOR + device->slot };

	__atomic_fetch_or(&device->interrupt_status, cause, __ATOMIC_SEQ_CST);
	ioctl(device->vm->vm_fd, KVM_SIGNAL_MSI, &msi);
}

void device_config_changed(struct device *device)
{
	__atomic_fetch_add(&device->config_generation, 1, __ATOMIC_SEQ_CST);
	if (!device->running)
		return; /* it reads the configuration when it starts */
	if (device->config_changes != NULL)
		__atomic_fetch_add(device->config_changes, 1, __ATOMIC_SEQ_CST);
	interrupt(device, VIRTIO_MMIO_INT_CONFIG, 0);
}

static void disarm(struct device *device, const struct device_part *part)
{
	for (unsigned i = 0; i < device->nr_queues; i++)
		if (device->owners[i] == part)
			virtqueue_disarm(&device->queues[i]);
}

/* Of one part, or with NULL of the device's own queues: one interrupt for each CPU. */
static void finish_step(struct device *device, const struct device_part *part)
{
	uint64_t wanted = 0;

	for (unsigned i = 0; i < device->nr_queues; i++) {
		if (device->owners[i] != part)
			continue;
		if (virtqueue_needs_interrupt(&device->queues[i]))
			wanted |= 1ull << device->cpus[i];
		if (device->queues[i].broken)
			vm_fail(device->vm, EIO,
				"the guest broke the rules of queue %u of the %s "
				"device",
				i, device->name);
	}
	for (; wanted != 0; wanted &= wanted - 1)
		interrupt(device, VIRTIO_MMIO_INT_VRING, (uint32_t)__builtin_ctzll(wanted));
}

bool device_serve(struct device *device)
{
	bool served = false;

	pthread_mutex_lock(&device->lock);
	if (device->running) {
		disarm(device, NULL);
		served = device->serve(device);
		finish_step(device, NULL);
	}
	pthread_mutex_unlock(&device->lock);
	return served;
}

bool device_part_serve(struct device_part *part)
{
	struct device *device = part->device;
	bool served = false;

	pthread_mutex_lock(&part->lock);
	if (device->running) {
		disarm(device, part);
		served = part->serve(part);
		finish_step(device, part);
	}
	pthread_mutex_unlock(&part->lock);
	return served;
}

bool device_part_arm(struct device_part *part)
{
	bool more;

	pthread_mutex_lock(&part->lock);
	more = part->device->running && part->arm(part);
	pthread_mutex_unlock(&part->lock);
	return more;
}

bool device_arm_all(struct device *device)
{
	bool more = false;

	for (unsigned i = 0; i < device->nr_queues; i++)
		more |= virtqueue_arm(&device->queues[i]);
	return more;
}

bool device_arm(struct device *device)
{
	bool more;

	pthread_mutex_lock(&device->lock);
	more = device->running &&
	       (device->arm != NULL ? device->arm(device) : device_arm_all(device));
	pthread_mutex_unlock(&device->lock);
	return more;
}
