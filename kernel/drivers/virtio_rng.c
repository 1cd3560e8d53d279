/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device (virtio 1.2 §5.4). One request is made when the device is found, and what it
 * brings is mixed into the kernel's generator when it arrives: booting does not wait for it.
 * Nothing more is asked for: the generator is keyed for good then.
 */
#include <linux/virtio_ids.h>

#include "core/random.h"
#include "drivers/virtio.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"

#define WANTED_BYTES 64

static void interrupt(struct virtio_device *d)
{
	struct virtq *q = d->private;
	uint32_t len;
	void *buf = virtq_take(q, &len);

	if (buf == NULL)
		return;
	random_add(buf, min(len, (uint32_t)WANTED_BYTES));
	kmem_free(buf);
}

static int probe(struct virtio_device *d)
{
	struct virtq_piece piece = { kmem_alloc(WANTED_BYTES), WANTED_BYTES };
	const struct virtq_request r = { .in = &piece, .nr_in = 1, .cookie = piece.ptr };
	struct virtq *q = NULL;
	int err = virtio_start(d, 0);

	if (err == 0)
		q = virtq_new(d, 0, 4);
	if (q == NULL || piece.ptr == NULL) {
		kmem_free(piece.ptr);
		return err != 0 ? err : -ENOMEM;
	}
	d->private = q;
	err = virtq_add(q, &r);
	if (err != 0)
		return err;
	(void)virtq_arm(q);
	virtio_ready(d);
	virtq_kick(q);
	return 0;
}

VIRTIO_DRIVER(virtio_rng) = { VIRTIO_ID_RNG, "entropy", probe, interrupt, NULL };
