/* SPDX-License-Identifier: BSD-2-Clause */
/* Patches the system calls of every ELF file of a tree ahead of time (rewrite/rewrite.h). */
#pragma once
#include "pack/tree/tree.h"

struct patch_count {
	unsigned nr_sites, nr_patched, nr_files;
	struct strings *notes; /* a line for each file that could not be */
};

int patch_tree(struct tree *tree, struct patch_count *count, struct failure *failure);
