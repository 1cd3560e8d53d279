/* SPDX-License-Identifier: BSD-2-Clause */
/* The binary search of sorted arrays. */
#pragma once
#include <stddef.h>

/*
 * The index of the first of nr elements, which are sorted by `field`, whose field is not below
 * value; nr if there is none. `field` is empty where the elements are the values:
 *
 *	LOWER_BOUND(file->relocs, file->nr_relocs, .address, vaddr)
 */
#define LOWER_BOUND(elements, nr, field, value) \
	({ \
		size_t low_ = 0, high_ = (nr); \
\
		while (low_ < high_) { \
			const size_t middle_ = low_ + (high_ - low_) / 2; \
\
			if ((elements)[middle_] field < (value)) \
				low_ = middle_ + 1; \
			else \
				high_ = middle_; \
		} \
		low_; \
	})
