/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what a struct content (tree.h) stands for. */
#pragma once
#include <sys/types.h>

#include "pack/tree/tree.h"

/* len bytes from `from` on, fewer at the content's end. -1, with errno: it cannot be read. */
ssize_t content_read(const struct content *content, void *to, size_t len, uint64_t from);
/* For messages. */
const char *content_name(const struct content *content);
