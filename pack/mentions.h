/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of some paths an image speaks of: in a file of its, an argument, or a variable of the
 * environment. A minimal kernel is linked without what serves paths that nothing names. Who puts a
 * path together from smaller words than these is not seen, and says `--parts +proc`.
 */
#pragma once
#include "pack/build.h"

enum mention {
	MENTIONS_PROC = 1 << 0,  /* "/proc", "/sys" */
	MENTIONS_DEV = 1 << 1,   /* "/dev" */
	MENTIONS_NAMES = 1 << 2, /* "/etc/resolv.conf", "/etc/hosts", "/etc/hostname" */
};

/* Bits of enum mention. A file that cannot be read speaks of all. */
unsigned mentions_find(const struct build *build);
