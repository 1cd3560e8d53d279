/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's run loop. It knows four exits: MMIO and port accesses (device.h, abi/hull/ports.h), a
 * signal for this thread (on the first vCPU's the caller's handlers run; then the guest goes on, or
 * the VM is stopping), and the end. One exit at a time is handled, under vm->bus_lock: an exit
 * costs microseconds, the lock nanoseconds, and collected writes of one CPU come before its next
 * access.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include "lib/types.h"
#include "monitor/device/device.h"

static struct device *device_at(struct vm *vm, uint64_t gpa)
{
	uint64_t slot = (gpa - VM_DEVICE_BASE) / VM_DEVICE_BYTES;

	return gpa >= VM_DEVICE_BASE && slot < vm->nr_devices ? vm->devices[slot] : NULL;
}

static void mmio_write(struct vm *vm, uint64_t gpa, const void *data, uint32_t len)
{
	struct device *device = device_at(vm, gpa);
	uint32_t value;

	if (device == NULL || len != sizeof(value))
		return; /* nobody there, or not the width of any register */
	memcpy(&value, data, sizeof(value));
	virtio_mmio_write(device, (uint32_t)(gpa % VM_DEVICE_BYTES), value);
}

static void mmio_access(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct device *device = device_at(vcpu->vm, run->mmio.phys_addr);
	uint64_t gpa = run->mmio.phys_addr;
	uint32_t offset = (uint32_t)(gpa % VM_DEVICE_BYTES);
	uint32_t len = min(run->mmio.len, (uint32_t)sizeof(run->mmio.data));

	if (run->mmio.is_write)
		mmio_write(vcpu->vm, gpa, run->mmio.data, len);
	else if (device != NULL)
		virtio_mmio_read(device, offset, run->mmio.data, len);
	else
		memset(run->mmio.data, 0, len);
}

/* Writes that KVM collected since the last exit, in order. */
static void replay_collected(struct vm *vm)
{
	struct kvm_coalesced_mmio_ring *ring = vm->ring;
	uint32_t nr_max = KVM_COALESCED_MMIO_MAX;
	uint32_t first;

	if (ring == NULL)
		return;
	first = ring->first;
	while (first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
		struct kvm_coalesced_mmio *write = &ring->coalesced_mmio[first];

		mmio_write(vm, write->phys_addr, write->data, write->len);
		first = (first + 1) % nr_max;
		__atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
	}
}

/* The guest ends: the first CPU to say so says how. */
static void end_guest(struct vm *vm, uint32_t how)
{
	pthread_mutex_lock(&vm->lock);
	if (!vm->ended) {
		vm->ended = true;
		vm->result->end = (enum vm_end)how;
		vm->result->end_tsc = __builtin_ia32_rdtsc();
	}
	pthread_mutex_unlock(&vm->lock);
	vm_stop(vm);
}

static void port_access(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t value;

	if (run->io.direction == KVM_EXIT_IO_IN) {
		memset(data, run->io.port == PORT_DEBUG ? PORT_DEBUG : 0xff,
		       (size_t)run->io.size * run->io.count);
		return;
	}
	if (run->io.port == PORT_DEBUG && run->io.size == 1 && vm->config->on_log != NULL)
		vm->config->on_log(vm->config->context, (const char *)data, run->io.count);
	if (run->io.size != sizeof(value))
		return;
	memcpy(&value, data, sizeof(value));
	if (run->io.port == PORT_EXIT)
		end_guest(vm, value);
	else if (run->io.port == PORT_START_CPU)
		secondary_start(vm, value);
}

/*
 * A software-KVM host emulates what raises #GP, and gives up on instructions that its emulator does
 * not know (vector loads). Where the program's own instruction is to blame, the answer is that #GP.
 * False: it is not.
 */
static bool inject_protection_fault(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	if (vcpu->run->exit_reason != KVM_EXIT_INTERNAL_ERROR ||
	    vcpu->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
	    ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 || regs.rip >> 47 != 0 ||
	    ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events) < 0)
		return false;
	events.exception.injected = 1;
	events.exception.nr = 13;
	events.exception.has_error_code = 1;
	events.exception.error_code = 0;
	return ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events) == 0;
}

static int handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_MMIO:
		mmio_access(vcpu);
		return 0;
	case KVM_EXIT_IO:
		port_access(vcpu);
		return 0;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_IOAPIC_EOI:
		return 0;
	default:
		return inject_protection_fault(vcpu) ? 0 : exit_report(vcpu);
	}
}

int vcpu_run(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	int error = 0;

	while (!vm_is_stopping(vm) && error == 0) {
		int status = ioctl(vcpu->fd, KVM_RUN, 0);

		if (status < 0 && errno != EINTR && errno != EAGAIN)
			return vm_fail_errno(vm, "KVM_RUN");
		pthread_mutex_lock(&vm->bus_lock);
		replay_collected(vm);
		if (status == 0)
			error = handle_exit(vcpu);
		pthread_mutex_unlock(&vm->bus_lock);
	}
	return error;
}
