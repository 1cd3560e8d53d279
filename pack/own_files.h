/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that belong to hull itself: the kernel, its archive, the loaders. They lie beside the
 * executable, or in ../lib/hull from it.
 */
#pragma once
#include "pack/arena.h"
#include "pack/failure.h"

/* The path of one, which is there; NULL: failure. */
const char *own_files_find(struct arena *arena, const char *name, struct failure *failure);
/* The folder that it is in. */
const char *own_files_folder(struct arena *arena, const char *name, struct failure *failure);
/* A whole file, readable for as long as the process lives. 0 or -1. */
int own_files_map(const char *path, const void **bytes, size_t *len, struct failure *failure);
