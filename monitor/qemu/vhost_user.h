/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user back end with the virtio-fs server behind it: the device of another VMM (QEMU),
 * over a connected socket, on a thread of its own. The messages are those of QEMU's
 * docs/interop/vhost-user.
 *
 * The thread ends when the other side closes the socket or breaks the protocol. What is behind the
 * socket is as little trusted as the guest: sizes, indices and addresses are checked.
 */
#pragma once
#include "monitor/fs/fs.h"

struct vhost_user;

/* Takes the socket over if it succeeds; the server stays the caller's. 0 or -Exxx. */
int vhost_user_start(struct fs_server *server, int socket_fd, struct vhost_user **out);
/* Waits for the thread, whose socket's other end must be closed, and frees it. */
void vhost_user_join(struct vhost_user *vhost);
