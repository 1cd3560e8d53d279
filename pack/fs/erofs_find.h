/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One small file of an EROFS image, such as /etc/passwd, for who has the image and not its file
 * system. Symbolic links are not followed, compressed files not read. The bytes come from anywhere.
 */
#pragma once
#include <stddef.h>

#define EROFS_FIND_MAX ((size_t)1 << 20) /* a file that is longer is not small */

/* The file's bytes, len of them and a zero behind; NULL: it is not there. The caller frees it. */
char *erofs_find_file(const void *bytes, size_t len, const char *path, size_t *file_len);
