/* SPDX-License-Identifier: BSD-2-Clause */
/* What of an image's ELF file goes where in memory. */
#pragma once
#include "abi/hull/disk.h"
#include "pack/failure.h"

#include <stdbool.h>
#include <stddef.h>

struct segment {
	uint32_t file_offset, plain_bytes, address, memory_bytes;
	bool is_code, is_payload;
};

struct segments {
	unsigned nr; /* in ascending order of addresses, and of offsets */
	struct segment of[PACKAGE_MAX_PARTS - 1];
	uint32_t entry, slot, memory_begin, memory_end;
};

/* The file has come from outside: everything is checked here. */
int segments_find(const void *image, size_t len, struct segments *segments,
		  struct failure *failure);
