/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over MMIO (virtio 1.2 §4.2), version 2 only. Where the register block holds no device (id
 * 0), or a legacy one, nothing is done.
 *
 * On a software-KVM host an access that the monitor must answer costs 25 us, and this code runs
 * before the program does. A device with irq_is_msi is one of Hull's own monitor (abi/hull/boot.h):
 * it is fresh from its reset, of version 2, takes rings of VIRTIO_QUEUE_SIZE_MAX, and signals used
 * buffers only, with nothing to acknowledge. There the driver reads the id, the low feature word
 * and the configuration, and writes the status twice. Any other device gets the whole protocol.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "core/irq.h"
#include "core/log.h"
#include "arch/mmu.h"
#include "drivers/virtio.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"

#define MAGIC		0x74726976u	/* "virt" */
#define SIZE_MIN	0x200

struct mmio {
	volatile char *base;
	bool own;			/* of our monitor: see above */
	unsigned status;
};

static uint32_t read_register(struct mmio *m, unsigned offset)
{
	return *(volatile uint32_t *)(volatile void *)(m->base + offset);
}

static void write_register(struct mmio *m, unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)(volatile void *)(m->base + offset) = value;
}

static void add_status(struct mmio *m, unsigned bits)
{
	m->status |= bits;
	write_register(m, VIRTIO_MMIO_STATUS, m->status);
}

static uint64_t features(struct virtio_device *d)
{
	struct mmio *m = d->transport_private;
	uint64_t low, high;

	if (!m->own) {
		write_register(m, VIRTIO_MMIO_STATUS, 0);
		add_status(m, VIRTIO_CONFIG_S_ACKNOWLEDGE);
		add_status(m, VIRTIO_CONFIG_S_DRIVER);
	}
	write_register(m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = read_register(m, VIRTIO_MMIO_DEVICE_FEATURES);
	if (m->own)
		return low | 1ull << VIRTIO_F_VERSION_1;
	write_register(m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	high = read_register(m, VIRTIO_MMIO_DEVICE_FEATURES);
	return low | high << 32;
}

static int negotiate(struct virtio_device *d, uint64_t accepted)
{
	struct mmio *m = d->transport_private;

	write_register(m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	write_register(m, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)accepted);
	write_register(m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write_register(m, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(accepted >> 32));
	if (m->own) {
		add_status(m, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			   VIRTIO_CONFIG_S_FEATURES_OK);
		return 0;
	}
	add_status(m, VIRTIO_CONFIG_S_FEATURES_OK);
	return (read_register(m, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK) ? 0 : -ENODEV;
}

/* §4.2.2.2: 64-bit fields are read as two halves, but our monitor answers eight bytes at once. */
static void config_read(struct virtio_device *d, unsigned offset, void *buf, size_t len)
{
	struct mmio *m = d->transport_private;
	volatile char *config = m->base + VIRTIO_MMIO_CONFIG;
	char *to = buf;

	while (len > 0) {
		size_t step = 1;
		uint64_t value;

		if (m->own && len >= 8 && offset % 8 == 0) {
			step = 8;
			value = *(volatile uint64_t *)(volatile void *)(config + offset);
		} else if (len >= 4 && offset % 4 == 0) {
			step = 4;
			value = *(volatile uint32_t *)(volatile void *)(config + offset);
		} else {
			value = *(volatile uint8_t *)(config + offset);
		}
		memcpy(to, &value, step);
		to += step;
		offset += (unsigned)step;
		len -= step;
	}
}

static unsigned queue_size_max(struct virtio_device *d, unsigned idx)
{
	struct mmio *m = d->transport_private;

	write_register(m, VIRTIO_MMIO_QUEUE_SEL, idx);
	return m->own ? VIRTIO_QUEUE_SIZE_MAX : read_register(m, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static void write_address(struct mmio *m, unsigned offset, const void *ptr)
{
	paddr_t address = ptr_to_paddr(ptr);

	write_register(m, offset, (uint32_t)address);
	if (!m->own || address >> 32 != 0)
		write_register(m, offset + 4, (uint32_t)(address >> 32));
}

/* The queue is selected already: queue_size_max comes first. */
static int queue_setup(struct virtio_device *d, struct virtq *q)
{
	struct mmio *m = d->transport_private;

	write_register(m, VIRTIO_MMIO_QUEUE_NUM, q->size);
	write_address(m, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc);
	write_address(m, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->avail);
	write_address(m, VIRTIO_MMIO_QUEUE_USED_LOW, q->used);
	write_register(m, VIRTIO_MMIO_QUEUE_READY, 1);
	return 0;
}

static void ready(struct virtio_device *d)
{
	add_status(d->transport_private, VIRTIO_CONFIG_S_DRIVER_OK);
}

static void notify(struct virtio_device *d, struct virtq *q)
{
	write_register(d->transport_private, VIRTIO_MMIO_QUEUE_NOTIFY, q->idx);
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
	struct mmio *m;
	uint32_t cause;

	if (d == NULL)
		return;
	m = d->transport_private;
	if (!m->own) {
		cause = read_register(m, VIRTIO_MMIO_INTERRUPT_STATUS);
		if (cause == 0)
			return;			/* the line is shared */
		write_register(m, VIRTIO_MMIO_INTERRUPT_ACK, cause);
	}
	virtio_device_interrupt(d);
}

static bool match(const struct device *dev)
{
	return dev->bus == DEVICE_VIRTIO_MMIO && dev->size_bytes >= SIZE_MIN;
}

/* The device's id, 0 if there is none that we can drive. */
static uint32_t identify(const struct device *dev, struct mmio *m)
{
	uint32_t id, version;

	if (!m->own && read_register(m, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC)
		return 0;
	id = read_register(m, VIRTIO_MMIO_DEVICE_ID);
	if (id == 0 || m->own)
		return id;
	version = read_register(m, VIRTIO_MMIO_VERSION);
	if (version == 2)
		return id;
	log_warn("virtio-mmio at 0x%llx: version %u is not driven "
		 "(QEMU: -global virtio-mmio.force-legacy=false)",
		 (unsigned long long)dev->base, version);
	return 0;
}

static int probe(struct device *dev)
{
	struct mmio *m = kmem_new(struct mmio);
	uint32_t id;
	int err = -ENODEV;

	if (m == NULL)
		return -ENOMEM;
	m->own = dev->irq_is_msi;
	m->base = kmem_map_device(dev->base, dev->size_bytes);
	id = m->base == NULL ? 0 : identify(dev, m);
	if (id != 0)
		err = irq_attach(dev->irq, interrupt, dev);
	if (err == 0) {
		err = virtio_device_new(dev, &transport, id, m);
		/* m stays: the interrupt handler may be looking at it */
		if (err != 0)
			irq_detach(dev->irq, interrupt, dev);
		return err;
	}
	kmem_free(m);
	return err;
}

DRIVER(virtio_mmio) = { "virtio-mmio", match, probe };
