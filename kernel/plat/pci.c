/* SPDX-License-Identifier: BSD-2-Clause */
/* Bus 0 and what is behind bridges, depth bounded by the bus numbers that the firmware gave out. */
#include "plat/pci.h"

#include <linux/pci_regs.h>

#include "arch/trap.h"
#include "arch/x86_64/x86.h"
#include "core/log.h"
#include "core/pci.h"
#include "core/platform.h"
#include "core/sync/spinlock.h"
#include "plat/lapic.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u
#define SLOTS          32
#define FUNCTIONS      8
#define VENDOR_NONE    0xffff

static struct spinlock lock; /* the two ports belong together */
static unsigned next_vector; /* [I] after the scan */

static void select_register(uint16_t address, unsigned offset)
{
	out32(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)address << 8 | (offset & 0xfc));
}

uint32_t pci_read(uint16_t address, unsigned offset, unsigned width)
{
	uint32_t value;

	spin_lock(&lock);
	select_register(address, offset);
	value = in32(CONFIG_DATA) >> (offset & 3) * 8;
	spin_unlock(&lock);
	return width == 4 ? value : value & ((1u << width * 8) - 1);
}

void pci_write(uint16_t address, unsigned offset, unsigned width, uint32_t value)
{
	uint16_t port = (uint16_t)(CONFIG_DATA + (offset & 3));

	scoped_spin(&lock);
	select_register(address, offset);
	if (width == 4)
		out32(port, value);
	else if (width == 2)
		out16(port, (uint16_t)value);
	else
		out8(port, (uint8_t)value);
}

void platform_msi_message(unsigned vector, unsigned cpu, uint64_t *address, uint32_t *data)
{
	*address = 0xfee00000 | lapic_id_of(cpu) << 12; /* SDM 3A §10.11 */
	*data = vector;
}

static void scan_bus(unsigned bus);

static void add_function(uint16_t address)
{
	struct device d = {
		.bus = DEVICE_PCI,
		.pci_address = address,
		.irq_is_msi = true,
		.vendor = (uint16_t)pci_read(address, PCI_VENDOR_ID, 2),
		.product = (uint16_t)pci_read(address, PCI_DEVICE_ID, 2),
	};
	unsigned type = pci_read(address, PCI_HEADER_TYPE, 1) & PCI_HEADER_TYPE_MASK;
	unsigned behind;

	if (type == PCI_HEADER_TYPE_BRIDGE) {
		behind = pci_read(address, PCI_SECONDARY_BUS, 1);
		if (behind > (unsigned)address >> 8) /* upwards only: no loops */
			scan_bus(behind);
		return;
	}
	if (next_vector == TRAP_INT80)
		next_vector++;
	if (next_vector >= TRAP_KICK)
		return;
	d.irq = next_vector++;
	if (device_add(&d))
		log_warn("pci: no room for %04x:%04x", d.vendor, d.product);
}

static void scan_bus(unsigned bus)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		uint16_t first = (uint16_t)(bus << 8 | slot << 3);
		unsigned functions = 1;

		if (pci_read(first, PCI_VENDOR_ID, 2) == VENDOR_NONE)
			continue;
		if (pci_read(first, PCI_HEADER_TYPE, 1) & 0x80)
			functions = FUNCTIONS;
		for (unsigned f = 0; f < functions; f++)
			if (pci_read((uint16_t)(first | f), PCI_VENDOR_ID, 2) != VENDOR_NONE)
				add_function((uint16_t)(first | f));
	}
}

void pci_scan(unsigned first_vector)
{
	next_vector = first_vector;
	select_register(0, 0);
	if (in32(CONFIG_ADDRESS) != CONFIG_ENABLE)
		return; /* no host bridge: a microvm */
	scan_bus(0);
}
