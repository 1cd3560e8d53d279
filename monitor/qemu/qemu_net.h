/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interface under QEMU: its virtio-net device speaks bare frames into a socket pair, and a
 * thread here moves them between the pair and the same backends as under KVM, so that options,
 * messages and captures are the same. Only a tap that nobody captures is QEMU's own, for the sake
 * of its offloads.
 */
#pragma once
#include "monitor/monitor.h"

struct capture;
struct qemu_net;

/* `peer_fd`: the end of a SOCK_DGRAM pair that is ours; NULL: `message` says why. Takes peer_fd. */
struct qemu_net *qemu_net_new(const struct vm_net *net, int peer_fd, int *error, char message[512]);
/* Of the link behind it. */
uint32_t qemu_net_mtu(const struct qemu_net *net);
/* The thread begins; `idx` and `capture` (NULL: none) are for what it writes. 0 or -Exxx. */
int qemu_net_start(struct qemu_net *net, unsigned idx, struct capture *capture);
void qemu_net_stop(struct qemu_net *net); /* QEMU has ended: what it sent is passed on first */
