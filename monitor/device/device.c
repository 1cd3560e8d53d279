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

#define MSI_ADDRESS 0xfee00000u /* fixed delivery to APIC 0, by edge */

int device_add(struct vm *vm, struct device *device)
{
	if (vm->nr_devices == VM_MAX_DEVICES)
		return vm_fail(vm, EINVAL, "more than %d devices", VM_MAX_DEVICES);
	device->vm = vm;
	device->slot = vm->nr_devices;
	device->setup = calloc(device->nr_queues, sizeof(*device->setup));
	device->queues = calloc(device->nr_queues, sizeof(*device->queues));
	if (device->setup == NULL || device->queues == NULL) {
		device_remove(device);
		return vm_fail(vm, ENOMEM, "no memory for the %s device", device->name);
	}
	pthread_mutex_init(&device->lock, NULL);
	vm->devices[vm->nr_devices++] = device;
	return 0;
}

void device_remove(struct device *device)
{
	free(device->setup);
	free(device->queues);
	device->setup = NULL;
	device->queues = NULL;
}

static void interrupt(struct device *device)
{
	struct kvm_msi msi = { .address_lo = MSI_ADDRESS, .data = VM_DEVICE_VECTOR + device->slot };

	__atomic_fetch_or(&device->interrupt_status, VIRTIO_MMIO_INT_VRING, __ATOMIC_SEQ_CST);
	ioctl(device->vm->vm_fd, KVM_SIGNAL_MSI, &msi);
}

static void finish_step(struct device *device)
{
	bool wanted = false;

	for (unsigned i = 0; i < device->nr_queues; i++) {
		wanted |= virtqueue_needs_interrupt(&device->queues[i]);
		if (device->queues[i].broken)
			vm_fail(device->vm, EIO,
				"the guest broke the rules of queue %u of the %s "
				"device",
				i, device->name);
	}
	if (wanted)
		interrupt(device);
}

bool device_serve(struct device *device)
{
	bool served = false;

	pthread_mutex_lock(&device->lock);
	if (device->running) {
		for (unsigned i = 0; i < device->nr_queues; i++)
			virtqueue_disarm(&device->queues[i]);
		served = device->serve(device);
		finish_step(device);
	}
	pthread_mutex_unlock(&device->lock);
	return served;
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
