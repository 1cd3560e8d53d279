/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between transports and drivers: matches them by device id, negotiates features, passes interrupts
 * on. The order of steps is virtio 1.2 §3.1.1. What every driver gets: VIRTIO_F_VERSION_1
 * (required, but of a legacy device), event indices and indirect descriptors where offered, and of
 * a legacy device VIRTIO_F_ANY_LAYOUT.
 */
#include <linux/virtio_config.h>

#include "core/log.h"
#include "drivers/virtio.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"

LINKER_SET(virtio_drivers, struct virtio_driver);

static const struct virtio_driver *driver_find(uint32_t id)
{
	LINKER_SET_FOREACH(virtio_drivers, d) {
		if (d->id == id)
			return d;
	}
	return NULL;
}

int virtio_device_new(struct device *dev, const struct virtio_transport *t, uint32_t id,
		      void *transport_private)
{
	const struct virtio_driver *driver = driver_find(id);
	struct virtio_device *d;
	int err;

	if (driver == NULL) {
		log_info("virtio: no driver for device type %u", id);
		return -ENODEV;
	}
	d = kmem_new(struct virtio_device);
	if (d == NULL)
		return -ENOMEM;
	d->dev = dev;
	d->transport = t;
	d->driver = driver;
	d->transport_private = transport_private;
	dev->driver_data = d;
	err = driver->probe(d);
	if (err == 0) {
		log_info("virtio: %s on line %u", driver->name, dev->irq);
		return 0;
	}
	/* The device may know our rings by now: what it was given stays allocated. */
	t->fail(d);
	log_error("virtio: %s: error %d", driver->name, -err);
	return err;
}

void virtio_device_interrupt(struct virtio_device *d)
{
	if (d != NULL && atomic_load(&d->running))
		d->driver->interrupt(d);
}

void virtio_device_config_changed(struct virtio_device *d)
{
	if (d != NULL && atomic_load(&d->running) && d->driver->config_changed != NULL)
		d->driver->config_changed(d);
}

uint64_t virtio_offered(struct virtio_device *d)
{
	return d->transport->features(d);
}

int virtio_start(struct virtio_device *d, uint64_t wanted)
{
	uint64_t offered = d->transport->features(d);
	unsigned own = d->transport->is_legacy ? VIRTIO_F_ANY_LAYOUT : VIRTIO_F_VERSION_1;

	if (own == VIRTIO_F_VERSION_1 && (offered & 1ull << own) == 0)
		return -ENODEV;
	wanted |= 1ull << own | 1ull << VIRTIO_RING_F_EVENT_IDX |
		  1ull << VIRTIO_RING_F_INDIRECT_DESC;
	d->features = offered & wanted;
	return d->transport->negotiate(d, d->features);
}

bool virtio_has_feature(const struct virtio_device *d, unsigned bit)
{
	return (d->features >> bit & 1) != 0;
}

void virtio_config_read(struct virtio_device *d, unsigned offset, void *buf, size_t len)
{
	d->transport->config_read(d, offset, buf, len);
}

void virtio_ready(struct virtio_device *d)
{
	atomic_store(&d->running, true);
	d->transport->ready(d);
}
