/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling a tree from a cpio archive (newc): names are made below `root`. */
#pragma once
#include "core/file.h"

MUST_CHECK int cpio_unpack(const struct path *root, const void *archive, size_t len);
