/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of one VM and how they hang together; private to the monitor.
 *
 *	boot.c		puts kernel, tables and launch record into guest memory
 *	vcpu.c		KVM's objects, the registers at entry
 *	vcpu_run.c	the run loop of a vCPU, what an exit means
 *	secondary.c	the threads of the vCPUs beside the first
 *	soft_kvm.c	the opt-in to KVM in software
 *	virtio_mmio.c	the transport: register blocks, start and reset of a device
 *	virtio_*.c	devices, each served by a worker
 *	worker.c	the device threads: creation, sleep and wake, end
 *	burial.c	closing it all without waiting
 *	confine.c	capabilities and seccomp
 *	run.c		the order of it all
 *
 * How a VM ends: a thread calls vm_stop() (a vCPU's at PORT_EXIT, any in vm_fail()), which kicks
 * the vCPUs out of KVM_RUN. The first vCPU's thread, which is the caller's, joins the other vCPUs',
 * then wakes the workers and joins them. A worker that sees `stopping` serves what the guest had
 * queued before it, then returns.
 *
 * Exits of several vCPUs are handled one at a time, under `bus_lock`: it guards the devices'
 * registers and the ring of collected writes, which all vCPUs share. Locks, outermost first:
 * bus_lock, device.lock, device_part.lock in order, vm.lock.
 */
#pragma once
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include "abi/hull/cpu_start.h"
#include "lib/compiler.h"
#include "monitor/guest_memory.h"
#include "monitor/monitor.h"

#define VM_HOLE_BASE     0xc0000000ull /* RAM stops here and goes on at 4 GiB */
#define VM_HIGH_BASE     0x100000000ull
#define VM_MAX_MEMORY    (128ull << 30) /* the tables at entry fit below 1 MiB */
#define VM_DEVICE_BASE   0xd0000000ull
#define VM_DEVICE_BYTES  0x1000u
#define VM_DEVICE_VECTOR 0x30u /* device n interrupts with this vector + n */
#define VM_MAX_DEVICES   (VM_MAX_SHARES + VM_MAX_NETS + 2)
#define VM_MAX_CPUID     128
#define VM_KICK_SIGNAL   SIGRTMAX /* takes a vCPU out of KVM_RUN */

struct device;

struct vcpu_cpuid { /* as struct kvm_cpuid2 */
	uint32_t nent, padding;
	struct kvm_cpuid_entry2 entries[VM_MAX_CPUID];
};

struct vcpu {
	/* [I] once made  [a] atomic  [v] this vCPU's thread only */
	struct vm *vm; /* [I] */
	unsigned id;   /* [I] also its APIC's */
	int fd;        /* [I] -1: not open */
	struct kvm_run
		*run;     /* [v] but immediate_exit, [a]; the pointer: [a], NULL: not there yet */
	size_t run_bytes; /* [I] */
	pthread_t thread; /* [I] valid once `run` is seen, for kicks */
	/* All but the first: */
	pthread_t joinable;     /* [first vCPU's thread] valid with has_thread */
	bool has_thread;        /* [first vCPU's thread] */
	bool started;           /* [bus_lock] by PORT_START_CPU */
	sem_t go;               /* posted when it is started, and when the VM stops */
	struct cpu_start start; /* [I] after the post */
};

struct vm {
	/*
	 * [I] immutable while the guest runs  [a] atomic  [l] this->lock  [b] this->bus_lock
	 */
	const struct vm_config *config;         /* [I] */
	struct vm_result *result;               /* [l] until the workers are joined */
	int kvm_fd, vm_fd;                      /* [I] -1: not open */
	int grave[2], bell;                     /* [I] burial.c's; -1: none */
	struct vcpu vcpus[VM_MAX_CPUS];         /* config->nr_cpus of them */
	struct vcpu_cpuid cpuid;                /* [I] of the first vCPU */
	uint64_t xcr0;                          /* [I] 0: as after reset */
	struct kvm_coalesced_mmio_ring *ring;   /* [b] NULL: the host has none */
	struct guest_memory memory;             /* [I] */
	uint8_t *ram;                           /* [I] the mapping behind `memory` */
	uint64_t ram_bytes;                     /* [I] */
	uint64_t root_gpa;                      /* [I] of config->root, if there is one */
	bool software;                          /* [I] */
	bool tsc_deadline, kvmclock, fsgsbase;  /* [I] what `cpuid` says */
	uint32_t tsc_khz;                       /* [I] */
	uint64_t entry;                         /* [I] the kernel's first instruction */
	struct device *devices[VM_MAX_DEVICES]; /* [I] */
	unsigned nr_devices;                    /* [I] */
	pthread_mutex_t bus_lock, lock;
	bool ended;          /* [l] by PORT_EXIT: result->end is set */
	bool failed;         /* [l] result->message is set */
	int error;           /* [l] what monitor_run() returns */
	bool stopping;       /* [a] */
	unsigned nr_lookers; /* [a] workers that look long, each on a CPU of the host's */
};

/* Records the first failure and makes the vCPUs stop. Any thread; returns -error. */
int vm_fail(struct vm *vm, int error, const char *format, ...) PRINTF(3, 4);
/* The same with errno and its text. */
int vm_fail_errno(struct vm *vm, const char *what);
void vm_stop(struct vm *vm); /* any thread; does not wait */
bool vm_is_stopping(const struct vm *vm);

/* boot.c: after the memory exists; vm->entry, and where the boot data lies, come out. */
int boot_load_kernel(struct vm *vm);

#define BOOT_INFO_GPA      0x1000ull
#define BOOT_FLAG_PAGE_GPA 0x2000ull
#define BOOT_TABLES_GPA    0x4000ull /* CR3: bit 12 is clear */

/* The last thing before the entry: the clock pair is as fresh as it can be. */
void boot_write_info(struct vm *vm);

/* vcpu.c */
int vcpu_open_kvm(int *kvm_fd); /* 0 or -Exxx; checks the API's version */
/* A new VM's descriptor, however often a signal comes meanwhile; -1 and errno. */
int vm_fd_create(int kvm_fd);
int vcpu_create_vm(struct vm *vm); /* KVM's VM with memory, interrupts and the first vCPU */
/* On the vCPU's own thread, the first one's before the others': what does not change later. */
int vcpu_create(struct vcpu *vcpu);
int vcpu_set_features(struct vcpu *vcpu);
int vcpu_set_entry(struct vcpu *vcpu, const struct cpu_start *start);

/* vcpu_run.c: until the VM is stopping. 0, or -Exxx if this vCPU is why. */
int vcpu_run(struct vcpu *vcpu);

/* secondary.c */
int secondary_create_all(struct vm *vm);
void secondary_start(struct vm *vm, uint64_t gpa); /* PORT_START_CPU, with bus_lock */
void secondary_join_all(struct vm *vm);            /* the VM is stopping */

/* burial.c: the end of KVM's objects */
void burial_prepare(struct vm *vm); /* before confinement; may fail in silence */
void burial_close(struct vm *vm);

/* soft_kvm.c */
bool soft_kvm_present(int vcpu_fd);
int soft_kvm_enable(int vcpu_fd, uint64_t flag_page_gpa);

/* exit.c: words for an end that should not be */
int exit_report(struct vcpu *vcpu);
