/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is inside an image, as JSON: the one form of it, which `hull inspect` prints as it is or
 * as text. docs/hull.1 has its fields. An image that is damaged is refused.
 */
#pragma once
#include <jansson.h>

#include "pack/arena.h"
#include "pack/disk/disk.h"
#include "pack/image/image_file.h"

struct inspection {
	const char *path;
	const void *bytes; /* the file */
	size_t len;
	const char *kind; /* "elf", "disk", "iso" */
	struct disk_facts disk;
	const uint8_t *elf; /* the image's ELF file: the file, or what was in the disk */
	size_t elf_len;
	struct image_file image;
	uint64_t signature_at; /* in the ELF file; 0: it is not signed */
};

/* Opens and checks it, hashes too. `name` is for messages; NULL: the path. 0 or -1. */
int inspect_open(struct inspection *inspection, const char *path, const char *name,
		 struct failure *failure);
/* The whole account; with_files: each file of the root. NULL: failure. */
json_t *inspect_json(const struct inspection *inspection, struct arena *arena, bool with_files,
		     struct failure *failure);
/* 0: it is signed by that key (PEM), and a disk is what that image makes of itself. */
int inspect_verify(const struct inspection *inspection, const char *public_key_path,
		   struct failure *failure);
