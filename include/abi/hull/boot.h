/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every boot protocol is turned into, and what Hull's own monitor passes directly.
 *
 * Direct entry (Hull's monitor). The monitor loads the kernel's ELF segments at their physical
 * addresses and enters e_entry, an upper-half address, in 64-bit mode with interrupts off:
 *
 *	RDI		guest-physical address of a struct boot_info
 *	CR3		page tables that map, with U/S=1, writable and executable, in 2 MiB pages:
 *			the image: [KERNEL_BASE, KERNEL_BASE + 1 GiB) -> physical [0, 1 GiB)
 *			the direct map: [DIRECT_BASE, + RAM, rounded up to 2 MiB) -> physical 0...
 *	RSP		anything: the kernel brings its own stack
 *	CS		64-bit, DPL 0, selector 0x10; the data segments hold a flat selector 0x18
 *	CR0 CR4 EFER	PG|WP|NE|MP|ET|PE; PAE|OSFXSR|OSXMMEXCPT|OSXSAVE, and FSGSBASE where
 *			CPUID has it; SCE|LME|LMA|NXE; XCR0 holds what the host supports
 *
 * The kernel builds its own tables at once and treats those of the monitor as free memory, except
 * for what the memory map calls reserved. Every address in here is guest-physical. Both sides are
 * little-endian x86-64 of one build: `version` is checked, nothing is negotiated.
 */
#pragma once
#include <stdint.h>

#define BOOT_INFO_MAGIC   0x6c6c7548u /* "Hull" */
#define BOOT_INFO_VERSION 4

#define KERNEL_BASE       0xffffffff80000000ull /* image: physical 0 is seen here */
#define DIRECT_BASE       0xffff880000000000ull /* direct map: physical 0 is seen here */
#define KERNEL_LOAD_PADDR 0x100000ull           /* lowest physical address of the image */

enum boot_memory_type { BOOT_MEMORY_RAM = 1, BOOT_MEMORY_RESERVED = 2 };

struct boot_memory {
	uint64_t base, size_bytes;
	uint32_t type; /* enum boot_memory_type; a reserved range wins over RAM */
	uint32_t padding;
};

/*
 * A virtio-mmio (virtio 1.2 §4.2) register block. With BOOT_MSI_VECTOR it is a device of Hull's own
 * monitor: of version 2, fresh from its reset, with queues of up to 256 entries, read in up to
 * eight bytes at once; its vector says that used rings moved, and InterruptStatus need not be read
 * or acknowledged.
 */
struct boot_device {
	uint64_t base;
	uint32_t size_bytes;
	uint32_t irq; /* BOOT_MSI_VECTOR: an interrupt vector; else an I/O APIC line */
};

/* An I/O APIC, whose inputs are the lines from first_line on (ACPI 6.4 §5.2.12.3). */
struct boot_ioapic {
	uint64_t base;
	uint32_t first_line, padding;
};

/* How ACPI switches the machine off (ACPI 6.4 §4.8.3.2, §4.8.3.7). All 0: not known. */
struct boot_power {
	uint64_t sleep_register; /* hardware-reduced ACPI: physical address of sleep control */
	uint16_t pm1a_control, pm1b_control; /* I/O ports; 0: none */
	uint8_t sleep_type_a, sleep_type_b;  /* SLP_TYP of S5 */
	uint8_t padding[2];
};

enum boot_flags {
	/* the host runs the interface of abi/hull/soft_kvm.h; flag_page is set */
	BOOT_SOFT_KVM = 1 << 0,
	/* boot_device.irq is a vector that the host sends by itself (an MSI) */
	BOOT_MSI_VECTOR = 1 << 1,
	BOOT_KVMCLOCK = 1 << 2, /* kvmclock's MSRs may be used */
	/* the local APIC's timer has TSC-deadline mode, x2APIC is usable */
	BOOT_TSC_DEADLINE = 1 << 3,
	BOOT_VIRTIO_SETUP = 1 << 4, /* devices have the register of abi/hull/virtio_setup.h */
	BOOT_RAM_ZERO = 1 << 5, /* RAM above KERNEL_LOAD_PADDR, but image and reserved, is zero */
};

#define BOOT_MAX_MEMORY  64
#define BOOT_MAX_DEVICES 32
#define BOOT_MAX_CPUS    64
#define BOOT_MAX_IOAPICS 4

/* Of the memory at boot_info.trampoline. */
#define BOOT_TRAMPOLINE_BYTES 0x4000ull

struct boot_info {
	uint32_t magic, version;
	uint32_t flags; /* enum boot_flags */
	uint32_t nr_memory, nr_devices;
	uint32_t tsc_khz; /* 0: not known, measure it */
	uint64_t wall_ns; /* CLOCK_REALTIME when the TSC read tsc_at_wall; 0: not known */
	uint64_t tsc_at_wall;
	uint64_t flag_page; /* soft KVM: physical page of CPU 0; cpu_start.h has the others' */
	uint64_t launch, launch_bytes; /* the launch record (abi/hull/launch.h) */
	/*
	 * An erofs file system, page aligned (abi/hull/image.h); 0: none. It lies in memory that
	 * the map calls both RAM and reserved, and is not written.
	 */
	uint64_t root, root_bytes;
	uint64_t rsdp; /* ACPI root pointer; 0: none given */
	struct boot_power power;
	uint64_t entry_tsc; /* TSC just before the first entry; 0: not known */
	/*
	 * Pages below 1 MiB, reserved, where CPUs can be started in real mode; 0: none, and none
	 * needed under Hull's own monitor (abi/hull/cpu_start.h).
	 */
	uint64_t trampoline;
	uint32_t nr_cpus;                     /* 1 to BOOT_MAX_CPUS, the boot CPU included */
	uint32_t cpu_apic_ids[BOOT_MAX_CPUS]; /* of each; [0]: the boot CPU's */
	uint32_t nr_ioapics;                  /* 0: a PC's, at its usual place */
	struct boot_ioapic ioapics[BOOT_MAX_IOAPICS];
	struct boot_memory memory[BOOT_MAX_MEMORY];
	struct boot_device devices[BOOT_MAX_DEVICES];
};
