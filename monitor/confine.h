/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Confinement of one thread: no new privileges, fewer capabilities, a seccomp filter. It cannot be
 * undone. Each kind of thread has a list of its own in confine.c; a call that is not in it ends the
 * process with SIGSYS.
 */
#pragma once

enum confine_kind {
	CONFINE_VCPU,      /* the caller's thread: runs the guest, later cleans up and exits */
	CONFINE_SECONDARY, /* a further vCPU's thread */
	CONFINE_STREAMS,   /* copies between rings and descriptors that are open already */
	CONFINE_FRAMES,    /* moves frames between rings and descriptors that are open already */
	CONFINE_SOCKETS,   /* libslirp: makes Internet sockets, reads resolv.conf */
	CONFINE_FILES,     /* the virtio-fs server: opens files; keeps capabilities for it */
};

/* 0 or -Exxx. */
int confine_thread(enum confine_kind kind);
