/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree as a cpio archive of the "newc" format (Linux's initramfs: buffer-format.rst), which the
 * kernel unpacks into memory: for images so small that a file system would be most of them.
 */
#pragma once
#include "pack/tree/tree.h"

/* Everything in one piece of the arena's. 0 or -1: a file cannot be read. */
int cpio_make(struct tree *tree, int64_t time, const void **archive, size_t *len,
	      struct failure *failure);
