/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the bytes of a read or write go: a list of buffers, all in user or all in kernel memory.
 * File operations move bytes with uio_copy_* and never learn which. A copy that faults stops early:
 * the caller reports what was moved, or -EFAULT when that is nothing.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct uio_vec {
	uaddr_t base;
	size_t len;
}; /* as struct iovec; base is a kernel pointer if !user */

struct uio {
	struct uio_vec *vecs;
	unsigned nr_vecs;
	size_t offset; /* into vecs[0] */
	size_t left;   /* bytes in all */
	bool user;
	struct uio_vec single; /* for uio_init_* */
};

void uio_init_user(struct uio *u, uaddr_t base, size_t len);
void uio_init_kernel(struct uio *u, void *base, size_t len);
void uio_init_vecs(struct uio *u, struct uio_vec *vecs, unsigned nr, bool user);
/* Both move min(len, left) bytes and return how many arrived (less on a fault). */
MUST_CHECK size_t uio_copy_to(struct uio *u, const void *src,
			      size_t len); /* into the uio: read(2) */
MUST_CHECK size_t uio_copy_from(struct uio *u, void *dst,
				size_t len); /* out of the uio: write(2) */
MUST_CHECK size_t uio_zero(struct uio *u, size_t len);
void uio_skip(struct uio *u, size_t len);
/* Brings the next bytes' pages in, so that a copy under a lock that forbids faults can be
 * retried. */
MUST_CHECK int uio_fault_in(const struct uio *u, bool write);
