/* SPDX-License-Identifier: BSD-2-Clause */
/* Taps by name and by descriptor, for the other backends and for QEMU. */
#pragma once
#include <stdint.h>

struct net_backend;

/* A descriptor, not blocking, with virtio's header of the default size; or -Exxx and a message. */
int net_tap_open(const char *name, char message[512]);
/* A further queue of a tap that was opened, or -1: there is none. */
int net_tap_open_queue(const char *name);
uint32_t net_tap_mtu(const char *name);
/* A backend of an inherited descriptor, which stays the caller's. NULL: not a tap, or no memory. */
struct net_backend *net_tap_of_fd(int fd);
