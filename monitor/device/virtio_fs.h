/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-fs device (virtio 1.2 §5.11): rings for an fs_server, one worker a device. */
#pragma once
#include "monitor/vm.h"

struct virtio_fs;

/*
 * NULL: vm_fail() has said why. Opens the directory and adds the device; the worker is not started.
 */
struct virtio_fs *virtio_fs_new(struct vm *vm, const struct vm_share *share);
int virtio_fs_start(struct virtio_fs *fs);
void virtio_fs_stop(struct virtio_fs *fs); /* waits for the worker */
void virtio_fs_free(struct virtio_fs *fs);
