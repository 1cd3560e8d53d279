/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes an image (abi/hull/image.h): the kernel's ELF file without its section headers, its
 * spare program header and slot filled in, then the payload. Sections in this order, so that what
 * the kernel reads first lies together: launch record, facts, calls, options of run, signature;
 * the root.
 */
#pragma once
#include <stdint.h>

#include "launch/launch.h"
#include "pack/fs/erofs.h"

struct image_parts {
	const void *kernel; /* an ELF file with a slot */
	size_t kernel_len;
	const char *kernel_name; /* for messages */
	const struct launch *launch;
	struct erofs_plan *root; /* NULL: there is none, the record has an archive */
	const char *facts, *run;
	const uint16_t *calls;
	size_t nr_calls;
	uint32_t flags; /* enum image_flags */
	uint64_t memory_bytes;
	uint32_t nr_cpus;
	bool is_signed; /* room for a signature */
};

struct image_sizes {
	uint64_t kernel, root, record, whole;
	uint64_t signature_at; /* in the file; 0: none */
};

int image_write(int fd, const struct image_parts *parts, struct image_sizes *sizes,
		struct failure *failure);
