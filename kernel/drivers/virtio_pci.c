/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over PCI, the modern interface (virtio 1.2 §4.1). The vendor capabilities say where in the
 * BARs the common configuration, the notification registers and the device's configuration are.
 * Firmware assigned the BARs. One vector, the device's line, serves all queues, by an MSI-X entry
 * for each CPU; a change of the configuration comes to CPU 0.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "core/smp/cpu.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/pci.h"
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "drivers/virtio.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define VENDOR_VIRTIO    0x1af4
#define PRODUCT_MODERN   0x1040 /* + device id */
#define NR_BARS          6
#define NO_VECTOR        0xffff
#define MSIX_ENTRIES_MAX 16u /* in use: a queue for another CPU interrupts CPU 0 */
#define CAPS_MAX         48  /* a list longer than this is a loop */

struct region {
	unsigned bar;
	uint32_t offset, length;
};

struct pci {
	uint16_t address;
	volatile struct virtio_pci_common_cfg *common;
	volatile char *notify, *config;
	uint32_t notify_bytes, config_bytes, notify_multiplier;
	unsigned msix_cap;   /* offset of the capability; 0: none */
	unsigned nr_entries; /* of its table that are in use */
	uint8_t config_seen; /* generation that the driver was told of; [interrupt] */
};

static paddr_t bar_base(uint16_t address, unsigned bar)
{
	unsigned at = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint32_t low = pci_read(address, at, 4);
	uint64_t base = low & ~0xfull;

	if ((low & PCI_BASE_ADDRESS_SPACE) == PCI_BASE_ADDRESS_SPACE_IO)
		return 0;
	if ((low & PCI_BASE_ADDRESS_MEM_TYPE_64) != 0 && bar + 1 < NR_BARS)
		base |= (uint64_t)pci_read(address, at + 4, 4) << 32;
	return base;
}

/* A part of a BAR, mapped. NULL: not in memory space, not assigned, or no room. */
static volatile void *map_region(uint16_t address, const struct region *r)
{
	paddr_t base = r->bar < NR_BARS && r->length > 0 ? bar_base(address, r->bar) : 0;
	uint64_t start = align_down(base + r->offset, PAGE_SIZE);
	uint64_t end = align_up(base + r->offset + r->length, PAGE_SIZE);
	char *mapped;

	if (base == 0)
		return NULL;
	mapped = kmem_map_device(start, end - start);
	return mapped == NULL ? NULL : mapped + (base + r->offset - start);
}

static void read_capability(struct pci *p, unsigned at)
{
	struct region r = {
		.bar = pci_read(p->address, at + 4, 1),
		.offset = pci_read(p->address, at + 8, 4),
		.length = pci_read(p->address, at + 12, 4),
	};

	switch (pci_read(p->address, at + 3, 1)) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		if (p->common == NULL && r.length >= sizeof(*p->common))
			p->common = map_region(p->address, &r);
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		if (p->notify != NULL)
			break;
		p->notify_multiplier = pci_read(p->address, at + 16, 4);
		p->notify = map_region(p->address, &r);
		p->notify_bytes = r.length;
		break;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		if (p->config != NULL)
			break;
		p->config = map_region(p->address, &r);
		p->config_bytes = r.length;
		break;
	default:
		break;
	}
}

static void walk_capabilities(struct pci *p)
{
	unsigned at = pci_read(p->address, PCI_CAPABILITY_LIST, 1) & 0xfc;

	for (unsigned i = 0; i < CAPS_MAX && at != 0; i++) {
		unsigned id = pci_read(p->address, at, 1);

		if (id == PCI_CAP_ID_VNDR)
			read_capability(p, at);
		else if (id == PCI_CAP_ID_MSIX)
			p->msix_cap = at;
		at = pci_read(p->address, at + 1, 1) & 0xfc;
	}
}

/* Entry n of the table interrupts CPU n, always by the device's line; the others stay masked and
 * unused. */
static int enable_msix(struct pci *p, unsigned vector)
{
	uint32_t where = pci_read(p->address, p->msix_cap + PCI_MSIX_TABLE, 4);
	unsigned flags = pci_read(p->address, p->msix_cap + PCI_MSIX_FLAGS, 2);
	unsigned nr = min((flags & PCI_MSIX_FLAGS_QSIZE) + 1, MSIX_ENTRIES_MAX);
	struct region r = { where & 7, where & ~7u, nr * PCI_MSIX_ENTRY_SIZE };
	volatile uint32_t *entry = map_region(p->address, &r);
	uint64_t address;
	uint32_t data;

	if (entry == NULL)
		return -ENODEV;
	flags = (flags | PCI_MSIX_FLAGS_ENABLE) & ~(unsigned)PCI_MSIX_FLAGS_MASKALL;
	pci_write(p->address, p->msix_cap + PCI_MSIX_FLAGS, 2, flags);
	for (p->nr_entries = 0; p->nr_entries < nr && cpus[p->nr_entries] != NULL;) {
		platform_msi_message(vector, p->nr_entries++, &address, &data);
		entry[PCI_MSIX_ENTRY_LOWER_ADDR / 4] = (uint32_t)address;
		entry[PCI_MSIX_ENTRY_UPPER_ADDR / 4] = (uint32_t)(address >> 32);
		entry[PCI_MSIX_ENTRY_DATA / 4] = data;
		entry[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] = 0;
		entry += PCI_MSIX_ENTRY_SIZE / 4;
	}
	return 0;
}

static void add_status(struct pci *p, uint8_t bits)
{
	p->common->device_status = p->common->device_status | bits;
}

static uint64_t features(struct virtio_device *d)
{
	struct pci *p = d->transport_private;
	uint64_t low;

	p->common->device_status = 0;
	while (p->common->device_status != 0)
		cpu_relax(); /* §4.1.4.3.2: until the reset is done */
	add_status(p, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(p, VIRTIO_CONFIG_S_DRIVER);
	p->common->device_feature_select = 0;
	low = p->common->device_feature;
	p->common->device_feature_select = 1;
	return low | (uint64_t)p->common->device_feature << 32;
}

static int negotiate(struct virtio_device *d, uint64_t accepted)
{
	struct pci *p = d->transport_private;

	p->common->guest_feature_select = 0;
	p->common->guest_feature = (uint32_t)accepted;
	p->common->guest_feature_select = 1;
	p->common->guest_feature = (uint32_t)(accepted >> 32);
	add_status(p, VIRTIO_CONFIG_S_FEATURES_OK);
	p->common->msix_config = d->driver->config_changed != NULL ? 0 : NO_VECTOR;
	return (p->common->device_status & VIRTIO_CONFIG_S_FEATURES_OK) ? 0 : -ENODEV;
}

static void config_read(struct virtio_device *d, unsigned offset, void *buf, size_t len)
{
	struct pci *p = d->transport_private;
	uint8_t *to = buf;

	for (size_t i = 0; i < len; i++)
		to[i] = offset + i < p->config_bytes && p->config != NULL
				? (uint8_t)p->config[offset + i]
				: 0;
}

static unsigned queue_size_max(struct virtio_device *d, unsigned idx)
{
	struct pci *p = d->transport_private;

	if (idx >= p->common->num_queues)
		return 0;
	p->common->queue_select = (uint16_t)idx;
	return p->common->queue_size;
}

static int queue_setup(struct virtio_device *d, struct virtq *q)
{
	struct pci *p = d->transport_private;
	volatile struct virtio_pci_common_cfg *c = p->common;
	paddr_t desc = ptr_to_paddr(q->desc), avail = ptr_to_paddr(q->avail);
	paddr_t used = ptr_to_paddr(q->used);
	uint64_t notify_at = (uint64_t)c->queue_notify_off * p->notify_multiplier;

	if (notify_at + 2 > p->notify_bytes)
		return -EINVAL;
	q->notify = (void *)(uintptr_t)(p->notify + notify_at);
	c->queue_size = q->size;
	c->queue_desc_lo = (uint32_t)desc;
	c->queue_desc_hi = (uint32_t)(desc >> 32);
	c->queue_avail_lo = (uint32_t)avail;
	c->queue_avail_hi = (uint32_t)(avail >> 32);
	c->queue_used_lo = (uint32_t)used;
	c->queue_used_hi = (uint32_t)(used >> 32);
	q->cpu = q->cpu < p->nr_entries ? q->cpu : 0;
	c->queue_msix_vector = (uint16_t)q->cpu;
	if (c->queue_msix_vector != q->cpu)
		return -ENOSPC;
	c->queue_enable = 1;
	return 0;
}

static void ready(struct virtio_device *d)
{
	add_status(d->transport_private, VIRTIO_CONFIG_S_DRIVER_OK);
}

static void notify(struct virtio_device *d, struct virtq *q)
{
	(void)d;
	*(volatile uint16_t *)q->notify = (uint16_t)q->idx;
}

static void fail(struct virtio_device *d)
{
	add_status(d->transport_private, VIRTIO_CONFIG_S_FAILED);
}

static const struct virtio_transport transport = {
	.features = features,
	.negotiate = negotiate,
	.config_read = config_read,
	.queue_setup = queue_setup,
	.queue_size_max = queue_size_max,
	.ready = ready,
	.notify = notify,
	.fail = fail,
};

static void interrupt(void *arg)
{
	struct device *dev = arg;
	struct virtio_device *d = dev->driver_data;
	struct pci *p;

	if (d == NULL)
		return;
	p = d->transport_private;
	if (cpu_this()->id == 0 && d->driver->config_changed != NULL &&
	    p->common->config_generation != p->config_seen) {
		p->config_seen = p->common->config_generation;
		virtio_device_config_changed(d);
	}
	virtio_device_interrupt(d);
}

static bool match(const struct device *dev)
{
	return dev->bus == DEVICE_PCI && dev->vendor == VENDOR_VIRTIO &&
	       dev->product >= PRODUCT_MODERN && dev->product < PRODUCT_MODERN + 0x40;
}

/* Transitional devices (0x1000...) offer the same capabilities; their id is the subsystem's. */
static bool match_transitional(const struct device *dev)
{
	return dev->bus == DEVICE_PCI && dev->vendor == VENDOR_VIRTIO && dev->product >= 0x1000 &&
	       dev->product < PRODUCT_MODERN;
}

static uint32_t device_id(const struct device *dev)
{
	if (dev->product >= PRODUCT_MODERN)
		return dev->product - PRODUCT_MODERN;
	return pci_read(dev->pci_address, PCI_SUBSYSTEM_ID, 2);
}

static int probe(struct device *dev)
{
	struct pci *p = kmem_new(struct pci);
	unsigned command;
	int err;

	if (p == NULL)
		return -ENOMEM;
	p->address = dev->pci_address;
	command = pci_read(p->address, PCI_COMMAND, 2);
	pci_write(p->address, PCI_COMMAND, 2,
		  command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	walk_capabilities(p);
	if (p->common == NULL || p->notify == NULL || p->msix_cap == 0) {
		log_warn("virtio-pci %04x: no modern interface, or no MSI-X: not driven",
			 p->address);
		kmem_free(p);
		return -ENODEV;
	}
	err = irq_attach(dev->irq, interrupt, dev);
	if (err == 0)
		err = enable_msix(p, dev->irq);
	if (err == 0)
		err = virtio_device_new(dev, &transport, device_id(dev), p);
	if (err != 0)
		irq_detach(dev->irq, interrupt, dev);
	return err;
}

DRIVER(virtio_pci) = { "virtio-pci", match, probe };
DRIVER(virtio_pci_transitional) = { "virtio-pci", match_transitional, probe };
