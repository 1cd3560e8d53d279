/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over MMIO (virtio 1.2 §4.2): version 2, and the legacy version 1 (§4.2.4), which QEMU's
 * microvm has unless it is told otherwise. Where the register block holds no device (id 0) nothing
 * is done.
 *
 * On a software-KVM host an access that the monitor must answer costs 25 us, and this code runs
 * before the program does. A device with irq_is_msi is one of Hull's own monitor (abi/hull/boot.h):
 * it signals used buffers only, with nothing to acknowledge, and is identified and started with one
 * access each (abi/hull/virtio_setup.h). Its queues may have their interrupts on several CPUs; that
 * of a change of the configuration comes to CPU 0. Any other device gets the whole protocol.
 */
#include <abi/hull/virtio_setup.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "core/smp/cpu.h"
#include "core/irq.h"
#include "core/log.h"
#include "arch/mmu.h"
#include "drivers/virtio.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define MAGIC          0x74726976u /* "virt" */
#define VERSION_LEGACY 1u
#define VERSION_1_0    2u
#define SIZE_MIN       0x200

struct mmio {
	volatile char *base;
	bool own; /* of our monitor: see above */
	bool is_legacy;
	unsigned status;
	struct virtio_setup *setup; /* own: from probe to ready or fail, a page */
	uint32_t config_changes;    /* own: [a] counted up by the device */
	uint32_t config_seen;       /* own: those that the driver was told of; [interrupt] */
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

/* One exit: the device has read and answered the page when this returns. */
static void set_up(struct mmio *m, enum virtio_setup_command command)
{
	m->setup->command = command;
	barrier();
	write_register(m, VIRTIO_SETUP_REGISTER, (uint32_t)(ptr_to_paddr(m->setup) >> PAGE_SHIFT));
	barrier();
}

static void drop_setup(struct mmio *m)
{
	if (m->setup != NULL)
		page_put(paddr_to_page(ptr_to_paddr(m->setup)));
	m->setup = NULL;
}

static void begin(struct mmio *m)
{
	write_register(m, VIRTIO_MMIO_STATUS, 0);
	add_status(m, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(m, VIRTIO_CONFIG_S_DRIVER);
}

static uint32_t read_features(struct mmio *m, unsigned word)
{
	write_register(m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
	return read_register(m, VIRTIO_MMIO_DEVICE_FEATURES);
}

static void write_features(struct mmio *m, unsigned word, uint32_t accepted)
{
	write_register(m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
	write_register(m, VIRTIO_MMIO_DRIVER_FEATURES, accepted);
}

static uint64_t features(struct virtio_device *d)
{
	struct mmio *m = d->transport_private;

	if (m->own)
		return m->setup->features;
	begin(m);
	return read_features(m, 0) | (uint64_t)read_features(m, 1) << 32;
}

static int negotiate(struct virtio_device *d, uint64_t accepted)
{
	struct mmio *m = d->transport_private;

	if (m->own) {
		m->setup->features = accepted;
		return 0;
	}
	write_features(m, 0, (uint32_t)accepted);
	write_features(m, 1, (uint32_t)(accepted >> 32));
	add_status(m, VIRTIO_CONFIG_S_FEATURES_OK);
	return (read_register(m, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK) ? 0 : -ENODEV;
}

/* §4.2.2.2: 64-bit fields are read as two halves. Before it is started, ours has said it all. */
static void config_read(struct virtio_device *d, unsigned offset, void *buf, size_t len)
{
	struct mmio *m = d->transport_private;
	volatile char *config = m->base + VIRTIO_MMIO_CONFIG;
	char *to = buf;

	if (m->setup != NULL && offset <= VIRTIO_SETUP_MAX_CONFIG &&
	    len <= VIRTIO_SETUP_MAX_CONFIG - offset) {
		memcpy(buf, m->setup->config + offset, len);
		return;
	}
	while (len > 0) {
		size_t step = 1;
		uint64_t value;

		if (len >= 4 && offset % 4 == 0) {
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

	if (m->own)
		return idx < min(m->setup->nr_queues, (uint32_t)VIRTIO_SETUP_MAX_QUEUES)
			       ? m->setup->queue_size
			       : 0;
	write_register(m, VIRTIO_MMIO_QUEUE_SEL, idx);
	return read_register(m, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static void write_address(struct mmio *m, unsigned offset, const void *ptr)
{
	paddr_t address = ptr_to_paddr(ptr);

	write_register(m, offset, (uint32_t)address);
	write_register(m, offset + 4, (uint32_t)(address >> 32));
}

/* The queue is selected already: queue_size_max comes first. */
static int queue_setup(struct virtio_device *d, struct virtq *q)
{
	struct mmio *m = d->transport_private;

	if (m->own) {
		m->setup->queues[q->idx] = (struct virtio_setup_queue){
			.desc = ptr_to_paddr(q->desc),
			.avail = ptr_to_paddr(q->avail),
			.used = ptr_to_paddr(q->used),
			.size = q->size,
			.cpu = q->cpu,
		};
		return 0;
	}
	q->cpu = 0;
	write_register(m, VIRTIO_MMIO_QUEUE_NUM, q->size);
	write_address(m, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc);
	write_address(m, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->avail);
	write_address(m, VIRTIO_MMIO_QUEUE_USED_LOW, q->used);
	write_register(m, VIRTIO_MMIO_QUEUE_READY, 1);
	return 0;
}

static void ready(struct virtio_device *d)
{
	struct mmio *m = d->transport_private;

	if (!m->own) {
		add_status(m, VIRTIO_CONFIG_S_DRIVER_OK);
		return;
	}
	m->setup->config_changes = ptr_to_paddr(&m->config_changes);
	set_up(m, VIRTIO_SETUP_START);
	if (m->setup->status != VIRTIO_SETUP_STARTED) {
		log_error("virtio: %s: the device does not start: status %#x", d->driver->name,
			  m->setup->status);
		atomic_store(&d->broken, true);
	}
	drop_setup(m);
}

static void notify(struct virtio_device *d, struct virtq *q)
{
	write_register(d->transport_private, VIRTIO_MMIO_QUEUE_NOTIFY, q->idx);
}

static void fail(struct virtio_device *d)
{
	drop_setup(d->transport_private);
	add_status(d->transport_private, VIRTIO_CONFIG_S_FAILED);
}

/* ---- the legacy interface: 32 features, and a ring is a page's number (§4.2.4) ---- */

static uint64_t legacy_features(struct virtio_device *d)
{
	begin(d->transport_private);
	write_register(d->transport_private, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE_SIZE);
	return read_features(d->transport_private, 0);
}

static int legacy_negotiate(struct virtio_device *d, uint64_t accepted)
{
	write_features(d->transport_private, 0, (uint32_t)accepted);
	return 0;
}

/* Selected, as above. */
static int legacy_queue_setup(struct virtio_device *d, struct virtq *q)
{
	struct mmio *m = d->transport_private;
	uint64_t pfn = ptr_to_paddr(q->desc) >> PAGE_SHIFT;

	if (pfn > UINT32_MAX || read_register(m, VIRTIO_MMIO_QUEUE_PFN) != 0)
		return -EBUSY;
	q->cpu = 0;
	write_register(m, VIRTIO_MMIO_QUEUE_NUM, q->size);
	write_register(m, VIRTIO_MMIO_QUEUE_ALIGN, PAGE_SIZE);
	write_register(m, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)pfn);
	return 0;
}

static const struct virtio_transport legacy_transport = {
	.is_legacy = true,
	.features = legacy_features,
	.negotiate = legacy_negotiate,
	.config_read = config_read,
	.queue_setup = legacy_queue_setup,
	.queue_size_max = queue_size_max,
	.ready = ready,
	.notify = notify,
	.fail = fail,
};

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

/* What the device has to say, enum of InterruptStatus (§4.2.2). 0: it was not the one. */
static uint32_t take_cause(struct mmio *m)
{
	uint32_t cause;

	if (m->own && cpu_this()->id != 0)
		return VIRTIO_MMIO_INT_VRING;
	if (m->own) {
		uint32_t changes = READ_ONCE(m->config_changes);

		cause = changes != m->config_seen ? VIRTIO_MMIO_INT_CONFIG : 0;
		m->config_seen = changes;
		return cause | VIRTIO_MMIO_INT_VRING;
	}
	cause = read_register(m, VIRTIO_MMIO_INTERRUPT_STATUS);
	if (cause != 0) /* else: the line is shared */
		write_register(m, VIRTIO_MMIO_INTERRUPT_ACK, cause);
	return cause;
}

static void interrupt(void *arg)
{
	struct device *dev = arg;
	struct virtio_device *d = dev->driver_data;
	uint32_t cause;

	if (d == NULL)
		return;
	cause = take_cause(d->transport_private);
	if ((cause & VIRTIO_MMIO_INT_CONFIG) != 0)
		virtio_device_config_changed(d);
	if (cause != 0)
		virtio_device_interrupt(d);
}

static bool match(const struct device *dev)
{
	return dev->bus == DEVICE_VIRTIO_MMIO && dev->size_bytes >= SIZE_MIN;
}

/* The device's id, 0 if there is none that we can drive. */
static uint32_t identify(const struct device *dev, struct mmio *m)
{
	uint32_t version;

	if (m->own) {
		struct page *page = page_alloc(0, PAGE_ALLOC_ZERO);

		if (page == NULL)
			return 0;
		m->setup = page_to_ptr(page);
		set_up(m, VIRTIO_SETUP_IDENTIFY);
		return m->setup->device_id;
	}
	if (read_register(m, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC)
		return 0;
	version = read_register(m, VIRTIO_MMIO_VERSION);
	m->is_legacy = version == VERSION_LEGACY;
	if (m->is_legacy || version == VERSION_1_0)
		return read_register(m, VIRTIO_MMIO_DEVICE_ID);
	log_warn("virtio-mmio at 0x%llx: version %u is not driven", (unsigned long long)dev->base,
		 version);
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
		err = virtio_device_new(dev, m->is_legacy ? &legacy_transport : &transport, id, m);
		/* m stays: the interrupt handler may be looking at it */
		if (err != 0) {
			irq_detach(dev->irq, interrupt, dev);
			drop_setup(m);
		}
		return err;
	}
	drop_setup(m);
	kmem_free(m);
	return err;
}

DRIVER(virtio_mmio) = { "virtio-mmio", match, probe };
