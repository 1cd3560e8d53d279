/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FUSE (linux/fuse.h, protocol 7.31 and later) as a file system: the client side. Transports
 * (drivers/virtio_fs.c) register under a tag; mounting type "virtiofs" with that tag as source uses
 * it.
 */
#pragma once
#include "core/sync/waitq.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

struct fuse_vec {
	void *ptr;
	size_t len;
}; /* kernel memory, direct map */

#define FUSE_VECS_MAX 260

struct fuse_request {
	struct fuse_vec in[4]; /* header, arguments, names or data */
	unsigned nr_in;
	const struct fuse_vec *out; /* header, arguments, or pages of a READ */
	unsigned nr_out;
	size_t out_len; /* result: bytes that came */
	bool done;
	int err; /* transport failed: -EIO, -ENOTCONN */
	struct waitq wq;
};

struct fuse_transport {
	const char *tag;
	/* Sends and waits for the answer (sleeps, or polls a little first). 0 or -errno of the
	 * transport. */
	int (*call)(struct fuse_transport *t, struct fuse_request *r);
	/* Sends with no answer to wait for (FORGET); r is freed by the transport with kmem_free. */
	void (*post)(struct fuse_transport *t, struct fuse_request *r);
	/* most pages that one READ may have as out vectors */
	unsigned max_pages;
	struct list link;
	void *private;
};
void fuse_transport_register(struct fuse_transport *t);
