/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of one VM and how they hang together; private to the monitor.
 *
 *	boot.c		puts kernel, tables and launch record into guest memory
 *	vcpu.c		KVM's objects, the registers at entry, the run loop, what an exit means
 *	soft_kvm.c	the opt-in to KVM in software
 *	virtio_mmio.c	the transport: register blocks, start and reset of a device
 *	virtio_*.c	devices, each served by a worker
 *	worker.c	the device threads: creation, sleep and wake, end
 *	burial.c	closing it all without waiting
 *	confine.c	capabilities and seccomp
 *	run.c		the order of it all
 *
 * How a VM ends: the vCPU's thread leaves its loop (PORT_EXIT, a fatal exit, or vm_fail() by a
 * device thread, which kicks it out of KVM_RUN), sets `stopping`, wakes the workers and joins them.
 * A worker that sees `stopping` serves what the guest had queued before it, then returns.
 */
#pragma once
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "lib/compiler.h"
#include "monitor/guest_memory.h"
#include "monitor/monitor.h"

#define VM_HOLE_BASE     0xc0000000ull /* RAM stops here and goes on at 4 GiB */
#define VM_HIGH_BASE     0x100000000ull
#define VM_MAX_MEMORY    (128ull << 30) /* the tables at entry fit below 1 MiB */
#define VM_DEVICE_BASE   0xd0000000ull
#define VM_DEVICE_BYTES  0x1000u
#define VM_DEVICE_VECTOR 0x30u /* device n interrupts with this vector + n */
#define VM_MAX_DEVICES   (VM_MAX_SHARES + 2)

struct device;

struct vm {
	/* [I] immutable while the guest runs  [a] atomic  [l] this->lock  [v] vCPU's thread only */
	const struct vm_config *config;         /* [I] */
	struct vm_result *result;               /* [l] until the workers are joined */
	int kvm_fd, vm_fd, vcpu_fd;             /* [I] -1: not open */
	int grave[2], bell;                     /* [I] burial.c's; -1: none */
	struct kvm_run *run;                    /* [v] but immediate_exit: [a] */
	size_t run_bytes;                       /* [I] */
	struct kvm_coalesced_mmio_ring *ring;   /* [v] NULL: the host has none */
	struct guest_memory memory;             /* [I] */
	uint8_t *ram;                           /* [I] the mapping behind `memory` */
	uint64_t ram_bytes;                     /* [I] */
	bool software;                          /* [I] */
	bool tsc_deadline, kvmclock;            /* [I] */
	uint32_t tsc_khz;                       /* [I] */
	uint64_t entry;                         /* [I] the kernel's first instruction */
	struct device *devices[VM_MAX_DEVICES]; /* [I] */
	unsigned nr_devices;                    /* [I] */
	pthread_t vcpu_thread;                  /* [I] */
	pthread_mutex_t lock;
	bool failed;   /* [l] result->message is set */
	int error;     /* [l] what monitor_run() returns */
	bool stopping; /* [a] */
};

/* Records the first failure and makes the vCPU stop. Any thread; returns -error. */
int vm_fail(struct vm *vm, int error, const char *format, ...) PRINTF(3, 4);
bool vm_is_stopping(const struct vm *vm);

/* boot.c: after the memory exists; vm->entry, and where the boot data lies, come out. */
int boot_load_kernel(struct vm *vm);

#define BOOT_INFO_GPA      0x1000ull
#define BOOT_FLAG_PAGE_GPA 0x2000ull
#define BOOT_TABLES_GPA    0x4000ull /* CR3: bit 12 is clear */

/* The last thing before the entry: the clock pair is as fresh as it can be. */
void boot_write_info(struct vm *vm);

/* vcpu.c */
int vcpu_open_kvm(int *kvm_fd);    /* 0 or -Exxx; checks the API's version */
int vcpu_create(struct vm *vm);    /* KVM's VM and vCPU, with memory and interrupts */
int vcpu_set_entry(struct vm *vm); /* the registers at entry */
int vcpu_run(struct vm *vm);       /* until PORT_EXIT (0) or a failure */

/* burial.c: the end of KVM's objects */
void burial_prepare(struct vm *vm); /* before confinement; may fail in silence */
void burial_close(struct vm *vm);

/* soft_kvm.c */
bool soft_kvm_present(int vcpu_fd);
int soft_kvm_enable(int vcpu_fd, uint64_t flag_page_gpa);

/* exit.c: words for an end that should not be */
int exit_report(struct vm *vm);
