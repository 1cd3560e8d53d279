/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PC without help from its host: QEMU's microvm and q35, with or without KVM. Local APIC in
 * whichever mode CPUID offers, I/O APIC inputs for virtio-mmio, MSI-X for PCI. A line's number is
 * its vector: TRAP_DEVICES + n is I/O APIC line n, those above are PCI's. All go to CPU 0. Further
 * CPUs are started by INIT and SIPI.
 */
#include "abi/hull/boot.h"
#include "arch/trap.h"
#include "arch/x86_64/x86.h"
#include "core/log.h"
#include "core/platform.h"
#include "lib/errno.h"
#include "plat/ending.h"
#include "plat/ioapic.h"
#include "plat/lapic.h"
#include "plat/pci.h"
#include "plat/sipi.h"
#include "plat/wall.h"

#define SCORE_FALLBACK   1
#define FIRST_PCI_VECTOR (TRAP_DEVICES + IOAPIC_LINES)
#define PIC1_MASK        0x21
#define PIC2_MASK        0xa1
#define PIT_COMMAND      0x43
#define PIT_STOP         0x30 /* channel 0, mode 0: waits for a count, which never comes */

static const struct device first_uart = {
	.bus = DEVICE_UART,
	.base = 0x3f8,
	.size_bytes = 8,
	.irq = TRAP_DEVICES + 4,
};

static int probe(const struct boot_info *info)
{
	return SCORE_FALLBACK;
}

static unsigned lapic_features(const struct boot_info *info)
{
	uint32_t ecx = cpuid(1, 0).ecx;

	if (info->flags & BOOT_SOFT_KVM) /* CPUID is of the host's processor there */
		return info->flags & BOOT_TSC_DEADLINE ? LAPIC_X2APIC | LAPIC_TSC_DEADLINE : 0;
	return (ecx >> 21 & 1 ? LAPIC_X2APIC : 0) | (ecx >> 24 & 1 ? LAPIC_TSC_DEADLINE : 0);
}

static void init(const struct boot_info *info)
{
	out8(PIC1_MASK, 0xff);
	out8(PIC2_MASK, 0xff);
	wall_init(info);
	out8(PIT_COMMAND, PIT_STOP);
	lapic_init(info, lapic_features(info));
	ioapic_init(info);
	sipi_init(info);
	ending_init(&info->power);
	if (device_add(&first_uart))
		log_warn("pc: the serial port is left out");
	for (unsigned i = 0; i < info->nr_devices; i++) {
		const struct boot_device *b = &info->devices[i];
		const struct device d = {
			.bus = DEVICE_VIRTIO_MMIO,
			.base = b->base,
			.size_bytes = b->size_bytes,
			.irq = TRAP_DEVICES + b->irq,
		};

		if (b->irq >= IOAPIC_LINES || device_add(&d))
			log_warn("pc: the device at %#llx is left out", (unsigned long long)d.base);
	}
	pci_scan(FIRST_PCI_VECTOR);
}

static int irq_set(unsigned line, bool on)
{
	if (line < TRAP_DEVICES || line >= TRAP_KICK)
		return -ENOENT;
	if (line < FIRST_PCI_VECTOR && on)
		ioapic_enable(line - TRAP_DEVICES, (uint8_t)line, lapic_id_of(0));
	else if (line < FIRST_PCI_VECTOR)
		ioapic_disable(line - TRAP_DEVICES);
	return 0;
}

PLATFORM(pc) = {
	.name = "pc",
	.probe = probe,
	.init = init,
	.init_cpu = lapic_init_cpu,
	.timer_set = lapic_timer_set,
	.irq_set = irq_set,
	.irq_ack = lapic_ack,
	.irq_hold = lapic_hold,
	.start_cpu = sipi_start_cpu,
	.send_ipi = lapic_send_ipi,
	.end = ending_end,
};
