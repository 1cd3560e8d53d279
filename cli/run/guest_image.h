/* SPDX-License-Identifier: BSD-2-Clause */
/* An image that is to run: open, checked, and what `hull run` takes from it. */
#pragma once
#include "lib/launch_record.h"
#include "pack/image/image_file.h"

struct guest_image {
	const char *path;
	int fd;               /* open as long as the image is used */
	const uint8_t *bytes; /* all of it, mapped; MAP_FAILED: it could not be */
	size_t len;
	struct image_file file;
	uint64_t root, root_bytes; /* in the file; 0: the root is in the record */
	struct launch_record record;
	const char *run; /* IMAGE_RUN's text, run_len bytes; NULL: none */
	size_t run_len;
};

/*
 * 1: it is one, *out is filled in. 0: there is no such file, or it is something else. -1: it is one
 * that cannot be used, after a message.
 */
int guest_image_open(const char *path, struct guest_image *out);
