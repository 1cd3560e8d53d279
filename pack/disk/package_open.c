/* SPDX-License-Identifier: BSD-2-Clause */
/* A package read back, by the code of the loaders: segments to their places in
 * the file, and what lies between them from the part that holds the rest. */
#include "pack/disk/package.h"

#include <stdlib.h>
#include <string.h>

#include "abi/hull/disk.h"
#include "lib/package.h"

struct reading {
	const struct package_header *header;
	const uint8_t *bytes;
	uint8_t *image;
	struct lzma_model *model;
	struct failure *failure;
};

/* Decoded; owned by the caller. NULL: failure. */
static uint8_t *decode(const struct reading *r, const struct package_part *part)
{
	uint8_t *plain = malloc(part->plain_bytes + 1ul);
	const char *error;

	if (!plain) {
		failure_set(r->failure, "too little memory to read the disk");
		return NULL;
	}
	error = package_decode(part, r->bytes + part->offset, plain, r->model);
	if (!error)
		return plain;
	failure_set(r->failure, "the disk cannot be read: %s", error);
	free(plain);
	return NULL;
}

static int put_segment(const struct reading *r, const struct package_part *part)
{
	uint8_t *plain = decode(r, part);

	if (!plain)
		return -1;
	memcpy(r->image + part->file_offset, plain, part->plain_bytes);
	free(plain);
	return 0;
}

/* Between the segments, which stand in the order of their offsets. */
static int put_rest(const struct reading *r, const struct package_part *rest)
{
	const struct package_part *part = package_parts(r->header);
	uint8_t *plain = decode(r, rest);
	size_t at = 0, from = 0;

	if (!plain)
		return -1;
	for (uint32_t i = 0; i <= r->header->nr_parts; i++, part++) {
		bool is_end = i == r->header->nr_parts;
		size_t to = is_end ? r->header->image_bytes : part->file_offset;

		if (!is_end && part->kind == PACKAGE_REST)
			continue;
		if (to < from || to - from > rest->plain_bytes - at) {
			free(plain);
			return failure_set(r->failure, "the disk cannot be read: its parts do not "
						       "make up an image");
		}
		memcpy(r->image + from, plain + at, to - from);
		at += to - from;
		from = is_end ? to : to + part->plain_bytes;
	}
	free(plain);
	return 0;
}

static int read_parts(const struct reading *r)
{
	const struct package_part *part = package_parts(r->header);
	int err = 0;

	for (uint32_t i = 0; i < r->header->nr_parts && err == 0; i++, part++)
		err = part->kind == PACKAGE_REST ? put_rest(r, part) : put_segment(r, part);
	return err;
}

int package_open(const void *package, size_t len, struct disk_bytes *image, struct failure *failure)
{
	struct reading r = { .header = package, .bytes = package, .failure = failure };
	const char *error = package_check(package, len, (uint32_t)len);
	int err;

	if (error)
		return failure_set(failure, "the disk cannot be read: %s", error);
	r.image = calloc(1, r.header->image_bytes + 1ul);
	r.model = malloc(sizeof(*r.model));
	if (r.image && r.model)
		err = read_parts(&r);
	else
		err = failure_set(failure, "too little memory to read the disk");
	free(r.model);
	if (err != 0) {
		free(r.image);
		return err;
	}
	image->at = r.image;
	image->len = r.header->image_bytes;
	return 0;
}

enum disk_compression package_compression(const void *package)
{
	const struct package_header *header = package;
	const struct package_part *part = package_parts(header);

	for (uint32_t i = 0; i < header->nr_parts; i++, part++)
		if (part->method != PACKAGE_STORED)
			return part->method == PACKAGE_LZ4 ? DISK_LZ4 : DISK_LZMA;
	return DISK_STORED;
}
