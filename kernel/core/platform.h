/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a platform is: at most ten operations, chosen at run time by probing (kernel/plat/<name>.c,
 * one PLATFORM() line each, highest score wins). And the devices that it found.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct boot_info;
struct cpu;
struct cpu_start;

struct platform {
	const char *name;
	int (*probe)(const struct boot_info *info); /* > 0: usable, this well */
	/* clock_init(), interrupt controller, device_add() */
	void (*init)(const struct boot_info *info);
	/* On each CPU, interrupts off: its own interrupt controller and timer. */
	void (*init_cpu)(struct cpu *cpu);
	void (*timer_set)(nsec_t deadline);     /* CLOCK_MONOTONIC; NSEC_NEVER stops it */
	int (*irq_set)(unsigned line, bool on); /* 0, or -ENOENT: there is no such line */
	void (*irq_ack)(void);                  /* end of interrupt */
	void (*irq_hold)(bool on);              /* on this CPU only TRAP_KICK comes in */
	/*
	 * Makes CPU how->cpu arrive at how->entry (abi/hull/cpu_start.h says in what state), where
	 * it calls init_cpu itself. Thread context, one call at a time; `how` may be reused on
	 * return. Under the monitor it returns at once and the CPU arrives later; elsewhere it
	 * waits until the CPU has begun, some 100 us. 0; -ENODEV: it cannot be started, and
	 * never will arrive.
	 */
	int (*start_cpu)(const struct cpu_start *how);
	/* TRAP_IPI or TRAP_KICK on that CPU, by cpu->id; once it has called init_cpu. Any context.
	 * The sender's stores before it are seen by the handler. */
	void (*send_ipi)(struct cpu *cpu, unsigned vector);
	void (*end)(unsigned vm_end); /* enum vm_end; does not return */
};

#define PLATFORM(name) LINKER_SET_ITEM(platforms, struct platform) name

extern const struct platform *platform;             /* the chosen one */
void platform_choose(const struct boot_info *info); /* panics if none will do */
void platform_debug_write(const char *text,
			  size_t len); /* PORT_DEBUG; works from the first instruction */

/* A place where a driver may find its hardware. */
enum device_bus { DEVICE_VIRTIO_MMIO, DEVICE_PCI, DEVICE_UART /* of a PC: ports */ };

struct device {
	enum device_bus bus;
	paddr_t base; /* MMIO: registers. PCI: configuration space if memory-mapped, else 0 */
	size_t size_bytes;
	unsigned irq;             /* line for irq_attach */
	bool irq_is_msi;          /* the host sends the vector itself; nothing to acknowledge */
	uint16_t vendor, product; /* PCI */
	uint16_t pci_address;     /* bus << 8 | slot << 3 | function */
	void *driver_data;
};

#define DEVICES_MAX 64
MUST_CHECK int device_add(const struct device *d); /* copies; -ENOSPC */

struct driver {
	const char *name;
	bool (*match)(const struct device *d);
	int (*probe)(struct device *d); /* 0, or -errno: the device is left alone */
};
#define DRIVER(name) LINKER_SET_ITEM(drivers, struct driver) name
void device_probe_all(void);
/* What a PCI device writes to raise `vector` on a CPU (MSI, MSI-X). By platforms that have PCI. */
void platform_msi_message(unsigned vector, unsigned cpu, uint64_t *address, uint32_t *data);
