/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel of an image: hull's own with everything in it, a file that was named, or with
 * --minimal one that is linked for this program (link/link.h) with the calls that were listed, or
 * that scan finds the program and its libraries to make.
 */
#pragma once
#include "pack/build.h"

/* Sets build->image's kernel, and calls. */
int kernel_make(struct build *build, struct failure *failure);
/* After that: is that part of link/parts.def in it? A kernel that was not linked here has all. */
bool kernel_has_part(const struct build *build, const char *name);
