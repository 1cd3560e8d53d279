/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image (abi/hull/image.h), read and checked: what points into it lies inside, and the bytes are
 * what the checksums say. What is cut short or changed is refused with a message that says where.
 * `hull run` reads images by this too, so that it asks for no library.
 */
#pragma once
#include "pack/image/kernel_file.h"

struct image_file {
	struct kernel_file kernel; /* the ELF file, all of it */
	uint64_t payload_at;       /* in the file, aligned to IMAGE_LINE */
	struct image_header header;
	struct image_section sections[IMAGE_MAX_SECTIONS]; /* a root is page aligned in the file */
};

/*
 * 0, or -1 and what is wrong with "NAME". The bytes must outlive the image. Of the checksums the
 * header's alone is looked at, the others by image_file_check.
 */
int image_file_read(struct image_file *image, const char *name, const void *bytes, size_t len,
		    struct failure *failure);
int image_file_check(const struct image_file *image, const char *name, struct failure *failure);
/* A section's bytes; NULL: the image has none of that kind. */
const void *image_file_section(const struct image_file *image, enum image_section_kind kind,
			       uint64_t *len);
/* "the root", for messages. */
const char *image_file_section_name(const struct image_section *section);
