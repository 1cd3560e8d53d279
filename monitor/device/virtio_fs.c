/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-fs device (virtio 1.2 §5.11): queue 0 for urgent requests (FORGET), queue 1 for the
 * rest. A request is a chain: what fuse calls "in" is readable, "out" writable. The server answers
 * in place; requests are served one after another, urgent ones first.
 */
#include "monitor/device/virtio_fs.h"
#include <errno.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include "monitor/device/device.h"
#include "monitor/fs/fs.h"
#include "monitor/device/worker.h"

enum { QUEUE_URGENT, QUEUE_REQUESTS, NR_QUEUES };

struct virtio_fs {
	struct device device;
	struct worker worker;
	struct fs_server *server;
	struct virtio_fs_config config;
	struct virtqueue_chain chain; /* the worker's */
};

/* One request. */
static bool serve_queue(struct virtio_fs *fs, struct virtqueue *vq)
{
	struct virtqueue_chain *chain = &fs->chain;
	ssize_t len;

	if (virtqueue_pop(vq, chain) <= 0)
		return false;
	len = fs_server_handle(fs->server, chain->readable, chain->nr_readable, chain->writable,
			       chain->nr_writable);
	virtqueue_push(vq, chain->head, len > 0 ? (uint32_t)len : 0);
	return true;
}

static bool serve(struct device *device)
{
	struct virtio_fs *fs = container_of(device, struct virtio_fs, device);

	return serve_queue(fs, &device->queues[QUEUE_URGENT]) ||
	       serve_queue(fs, &device->queues[QUEUE_REQUESTS]);
}

static int open_share(struct virtio_fs *fs, struct vm *vm, const struct vm_share *share)
{
	if (strlen(share->tag) > sizeof(fs->config.tag))
		return vm_fail(vm, EINVAL, "the tag %s is longer than %zu bytes", share->tag,
			       sizeof(fs->config.tag));
	memcpy(fs->config.tag, share->tag, strlen(share->tag));
	fs->config.num_request_queues = 1;
	fs->server = fs_server_new(share->host_dir, share->read_only);
	if (fs->server == NULL)
		return vm_fail(vm, errno, "sharing the directory %s: %s", share->host_dir,
			       strerror(errno));
	return worker_init(&fs->worker, vm);
}

struct virtio_fs *virtio_fs_new(struct vm *vm, const struct vm_share *share)
{
	struct virtio_fs *fs = calloc(1, sizeof(*fs));

	if (fs == NULL) {
		vm_fail(vm, ENOMEM, "no memory for the fs device");
		return NULL;
	}
	fs->worker = (struct worker){ .confinement = CONFINE_FILES, .kick_fd = -1 };
	fs->device.name = "fs";
	fs->device.type = VIRTIO_ID_FS;
	fs->device.config = &fs->config;
	fs->device.config_bytes = sizeof(fs->config);
	fs->device.nr_queues = NR_QUEUES;
	fs->device.serve = serve;
	if (open_share(fs, vm, share) != 0)
		goto err_free;
	worker_adopt(&fs->worker, &fs->device);
	if (device_add(vm, &fs->device) != 0)
		goto err_free;
	return fs;

err_free:
	virtio_fs_free(fs);
	return NULL;
}

int virtio_fs_start(struct virtio_fs *fs)
{
	return worker_start(&fs->worker);
}

void virtio_fs_stop(struct virtio_fs *fs)
{
	worker_join(&fs->worker);
}

void virtio_fs_free(struct virtio_fs *fs)
{
	worker_fini(&fs->worker);
	if (fs->server != NULL)
		fs_server_free(fs->server);
	device_remove(&fs->device);
	free(fs);
}
