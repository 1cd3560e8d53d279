/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files in a folder that is taken for the root directory: symbolic links and ".." lead nowhere
 * outside of it (openat2(2), RESOLVE_IN_ROOT). Without a root (NULL) a path is the host's.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* A file descriptor, or -Exxx. */
int root_open(const char *root, const char *path, int flags);
bool root_has_file(const char *root, const char *path);
/*
 * What a regular file begins with, at most max_bytes, and a 0 after it. 0, or -Exxx. The caller
 * frees *bytes.
 */
int root_read(const char *root, const char *path, size_t max_bytes, char **bytes,
	      size_t *len_bytes);
/* A program by the rules of a shell, PATH without a slash; the caller frees *path. 0 or -Exxx. */
int root_find_program(const char *root, const char *name, char **path);
