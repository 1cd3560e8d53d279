/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reader of packages (abi/hull/disk.h). package_check() believes nothing; what it has accepted, the
 * caller may index by. Errors are texts for people, NULL is success.
 */
#pragma once
#include "abi/hull/disk.h"
#include "lib/lzma.h"

/* What is read before the rest: the header and the longest array of parts. */
#define PACKAGE_HEAD_BYTES \
	(sizeof(struct package_header) + PACKAGE_MAX_PARTS * sizeof(struct package_part))

static inline const struct package_part *package_parts(const struct package_header *header)
{
	return (const struct package_part *)(header + 1);
}

/*
 * The first head_bytes of a package that has package_bytes on its medium; the parts' sums are left
 * to package_decode().
 */
MUST_CHECK const char *package_check(const void *head, size_t head_bytes, uint32_t package_bytes);

/*
 * From part->packed_bytes to part->plain_bytes, in place if `packed` is at the end of `plain` and
 * its margin.
 */
MUST_CHECK const char *package_decode(const struct package_part *part, const void *packed,
				      void *plain, struct lzma_model *model);
