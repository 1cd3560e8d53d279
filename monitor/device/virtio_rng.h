/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy device (virtio 1.2 §5.4). A worker that it is given to serves it. */
#pragma once
#include "monitor/device/device.h"
#include "monitor/device/worker.h"

struct virtio_rng {
	struct device device;
	struct virtqueue_chain chain; /* [l] */
};

int virtio_rng_init(struct virtio_rng *rng, struct vm *vm, struct worker *worker);
void virtio_rng_fini(struct virtio_rng *rng);
