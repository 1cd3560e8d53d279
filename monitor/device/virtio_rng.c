/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device (virtio 1.2 §5.4): one queue of buffers to fill from getrandom(2). A request
 * gets at most RNG_MAX_BYTES, so that a guest cannot keep the host busy with one chain.
 */
#include "monitor/device/virtio_rng.h"
#include <linux/virtio_ids.h>
#include <sys/random.h>

#define RNG_MAX_BYTES 4096u

static bool serve(struct device *device)
{
	struct virtio_rng *rng = container_of(device, struct virtio_rng, device);
	struct virtqueue *vq = &device->queues[0];
	ssize_t len = 0;

	if (virtqueue_pop(vq, &rng->chain) <= 0)
		return false;
	if (rng->chain.nr_writable > 0) {
		const struct iovec *piece = &rng->chain.writable[0];

		len = getrandom(piece->iov_base, min(piece->iov_len, (size_t)RNG_MAX_BYTES), 0);
	}
	virtqueue_push(vq, rng->chain.head, len > 0 ? (uint32_t)len : 0);
	return true;
}

int virtio_rng_init(struct virtio_rng *rng, struct vm *vm, struct worker *worker)
{
	rng->device.name = "rng";
	rng->device.type = VIRTIO_ID_RNG;
	rng->device.nr_queues = 1;
	rng->device.serve = serve;
	worker_adopt(worker, &rng->device);
	return device_add(vm, &rng->device);
}

void virtio_rng_fini(struct virtio_rng *rng)
{
	device_remove(&rng->device);
}
