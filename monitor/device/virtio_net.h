/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device (virtio 1.2 §5.1): rings for a backend, one worker a device. */
#pragma once
#include "monitor/vm.h"

struct capture;
struct virtio_net;

/*
 * NULL: vm_fail() has said why. Opens the backend of vm->config->nets[idx] and adds the device; the
 * worker is not started. `capture` may be NULL.
 */
struct virtio_net *virtio_net_new(struct vm *vm, unsigned idx, struct capture *capture);
int virtio_net_start(struct virtio_net *net);
void virtio_net_stop(struct virtio_net *net); /* waits for the worker */
void virtio_net_free(struct virtio_net *net);
