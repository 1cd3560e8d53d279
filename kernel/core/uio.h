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

struct uio_pages;
struct uio {
	struct uio_vec *vecs;
	unsigned nr_vecs;
	size_t offset; /* into vecs[0] */
	size_t left;   /* bytes in all */
	bool user;
	struct uio_vec single; /* for uio_init_* */
	bool lends;            /* user memory's pages may be kept: the program knows, and waits */
	struct page **pages;   /* of each vec the page, which may be kept; NULL: bytes are copied */
	struct uio_pages *sink; /* where to, instead of vecs; NULL: there are vecs */
};

/*
 * Bytes and the pages that they are in, each counted: read into by uio_init_sink, where who has
 * the bytes in pages hands those over and everybody else copies into fresh ones; written from by
 * uio_init_pages, as other memory of the kernel's or by keeping the pages.
 */
#define UIO_PAGES_MAX 17u /* 64 KiB, wherever in a page they begin */
struct uio_pages {
	unsigned nr;
	size_t own_room; /* bytes that are free behind the last, which is a fresh page */
	struct uio_vec vecs[UIO_PAGES_MAX];
	struct page *pages[UIO_PAGES_MAX];
};
#define UIO_SINK_MAX ((UIO_PAGES_MAX - 1) * 4096ul)

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

/* ---- pages ---- */

/* r becomes empty; len is at most UIO_SINK_MAX. Too little memory shows as a fault does. */
void uio_init_sink(struct uio *u, struct uio_pages *r, size_t len);
/* What r has. The counts stay r's. */
void uio_init_pages(struct uio *u, struct uio_pages *r);
void uio_pages_put(struct uio_pages *r); /* the counts */
/* As uio_copy_to with len bytes of a page, which a sink keeps (with a count of its own) and
 * nobody changes any more than they would a file's that is being read. */
MUST_CHECK size_t uio_give_page(struct uio *u, struct page *p, size_t offset, size_t len);
/* The next bytes' page, with a count for the caller, where in it and how many, at most `most`.
 * 0: they have to be copied. */
MUST_CHECK size_t uio_take_page(struct uio *u, size_t most, struct page **p, size_t *offset);
/* How many of the next bytes lie in no more than nr pages, if uio_take_page takes each. */
size_t uio_reach(const struct uio *u, unsigned nr);
