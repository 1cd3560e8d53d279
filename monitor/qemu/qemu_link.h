/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The links of taps under QEMU, which does not look at them itself: a thread watches the host's
 * interfaces and tells it by QMP's set_link, and the guest's device loses its carrier and gets it
 * back as under KVM.
 */
#pragma once
#include "monitor/monitor.h"

struct qemu_link;

/* Of the interfaces that are taps by name: QEMU's netdevs are "net" and the number. NULL: there is
 * none, or no memory to watch them. */
struct qemu_link *qemu_link_new(const struct vm_config *config);
/* The thread begins; takes qmp_fd, our end of QEMU's control socket. 0 or -Exxx. */
int qemu_link_start(struct qemu_link *link, int qmp_fd);
void qemu_link_stop(struct qemu_link *link); /* NULL is fine */
