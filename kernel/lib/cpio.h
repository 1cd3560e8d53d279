/* SPDX-License-Identifier: BSD-2-Clause */
/* Reader of "newc" cpio archives (070701, 070702). Every length is checked against the archive's
 * end. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct cpio_entry {
	const char *name; /* NUL-terminated inside the archive */
	const void *data;
	uint64_t size_bytes;
	uint32_t ino, mode, uid, gid, nlink, mtime, rdev_major, rdev_minor;
};

struct cpio_reader {
	const char *at, *end;
};

void cpio_reader_init(struct cpio_reader *r, const void *archive, size_t len);
/* 1 = *out filled; 0 = the trailer was reached; -EINVAL = malformed. */
MUST_CHECK int cpio_reader_next(struct cpio_reader *r, struct cpio_entry *out);
