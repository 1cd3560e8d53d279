/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console device (virtio 1.2 §5.3) with its ports, and the worker that serves it and the
 * entropy device. The guest may use the ports that its launch record names as soon as the device
 * runs; the announcements of the control queue are made, but nobody has to wait for them.
 */
#pragma once
#include "monitor/vm.h"

struct virtio_console;
struct worker;

/* NULL: vm_fail() has said why. */
struct virtio_console *virtio_console_new(struct vm *vm);
struct worker *virtio_console_worker(struct virtio_console *console);
/* The worker is joined first. */
void virtio_console_free(struct virtio_console *console);
