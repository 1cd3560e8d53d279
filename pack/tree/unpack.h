/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs and libraries of a tree as files in a temporary folder, for who must look at them
 * there (scan of a container image): ELF files and scripts, folders, symbolic links; nothing else,
 * and no rights or owners.
 */
#pragma once
#include "pack/tree/tree.h"

/* A new folder with them in it; NULL: failure. */
const char *unpack_programs(struct tree *tree, struct failure *failure);
/* Removes it, with everything in it. */
void unpack_remove(const char *folder);
