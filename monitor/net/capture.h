/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture file in the pcapng format (draft-ietf-opsawg-pcapng): a section header, an interface
 * block each, then an enhanced packet block for every frame, stamped in nanoseconds and marked with
 * its direction as the guest sees it.
 *
 * A frame is written whole, also one of 64 KiB that a network card would have cut, and with its
 * checksum completed if that was left to the other side: a reader sees what is true of it.
 *
 * Any thread. Frames collect in a buffer; capture_flush() writes them out, at the latest when its
 * caller goes to sleep.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include "monitor/monitor.h"

struct capture;

/* NULL: no memory. The descriptor stays the caller's. */
struct capture *capture_new(int fd, const struct vm_net *nets, unsigned nr_nets);
struct capture_frame { /* as backends have it, header first */
	const struct iovec *iov;
	unsigned nr;
	size_t len; /* of the pieces' bytes those that are the frame's */
};

/* `capture` NULL: nothing. */
void capture_add(struct capture *capture, unsigned interface, bool from_guest,
		 const struct capture_frame *frame);
void capture_flush(struct capture *capture);
/* Writes the rest. 0, or why not all of it could be written. */
int capture_free(struct capture *capture);
