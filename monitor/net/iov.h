/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies between flat bytes and pieces, which may be guest memory. */
#pragma once
#include <stddef.h>
#include <sys/uio.h>

size_t iov_bytes(const struct iovec *iov, unsigned nr);
/* From `offset` of the pieces, at most `len`; how many there were. */
size_t iov_copy_out(const struct iovec *iov, unsigned nr, size_t offset, void *to, size_t len);
size_t iov_copy_in(const struct iovec *iov, unsigned nr, size_t offset, const void *from,
		   size_t len);
/* The pieces without their first `skip` bytes, into `out` with room for `nr`; how many. */
unsigned iov_skip(const struct iovec *iov, unsigned nr, size_t skip, struct iovec *out);
