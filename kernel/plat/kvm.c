/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hull's own monitor, on hardware and on software KVM alike: x2APIC, TSC-deadline timer, devices on
 * virtio-mmio whose interrupts arrive as vectors (irqfd with MSI routes), so nothing has to be
 * enabled. Further CPUs are started by the monitor (abi/hull/cpu_start.h). What differs between the
 * two kinds of KVM is the arch code's business.
 */
#include "abi/hull/boot.h"
#include "abi/hull/cpu_start.h"
#include "abi/hull/ports.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "arch/x86_64/x86.h"
#include "core/log.h"
#include "core/platform.h"
#include "lib/errno.h"
#include "plat/ending.h"
#include "plat/lapic.h"
#include "plat/wall.h"

#define SCORE_OWN_MONITOR 20
#define NEEDED            (BOOT_MSI_VECTOR | BOOT_TSC_DEADLINE | BOOT_VIRTIO_SETUP)

static int probe(const struct boot_info *info)
{
	return (info->flags & NEEDED) == NEEDED ? SCORE_OWN_MONITOR : 0;
}

static void init(const struct boot_info *info)
{
	wall_init(info);
	lapic_init(info, LAPIC_X2APIC | LAPIC_TSC_DEADLINE);
	for (unsigned i = 0; i < info->nr_devices; i++) {
		const struct boot_device *b = &info->devices[i];
		const struct device d = {
			.bus = DEVICE_VIRTIO_MMIO,
			.base = b->base,
			.size_bytes = b->size_bytes,
			.irq = b->irq,
			.irq_is_msi = true,
		};

		if (device_add(&d))
			log_warn("kvm: no room for the device at %#llx",
				 (unsigned long long)d.base);
	}
}

static int start_cpu(const struct cpu_start *how)
{
	static struct cpu_start request; /* in the image, so below 4 GiB */

	request = *how;
	request.status = -ENODEV;
	out32(PORT_START_CPU, (uint32_t)ptr_to_paddr(&request));
	if (READ_ONCE(request.status) == 0)
		return 0;
	log_warn("kvm: CPU %u does not start: error %d", how->cpu, request.status);
	return -ENODEV;
}

static int irq_set(unsigned line, bool on)
{
	return line >= TRAP_DEVICES && line < TRAP_KICK ? 0 : -ENOENT;
}

PLATFORM(kvm) = {
	.name = "kvm",
	.probe = probe,
	.init = init,
	.init_cpu = lapic_init_cpu,
	.timer_set = lapic_timer_set,
	.irq_set = irq_set,
	.irq_ack = lapic_ack,
	.irq_hold = lapic_hold,
	.start_cpu = start_cpu,
	.send_ipi = lapic_send_ipi,
	.end = ending_end,
};
