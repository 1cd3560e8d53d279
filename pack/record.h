/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The launch record of an image (abi/hull/launch.h): what it does when it is booted with nothing
 * said. `hull run IMAGE` makes its own from it. The kernel's clock and seed are not in it: they
 * are the machine's.
 */
#pragma once
#include "launch/launch.h"
#include "pack/config/config.h"
#include "pack/tree/tree.h"

struct record_facts {
	const char *program; /* what is executed, and as what (argv[0]) */
	const char *name;
	uint32_t uid, gid;
	const char *home;
	bool no_proc, no_dev; /* the kernel has no /proc and /sys, no /dev */
	const void *archive;  /* of FORMAT_CPIO: the root */
	size_t archive_len;
};

/* 0 or -1. */
int record_write(struct launch *launch, const struct config *config,
		 const struct record_facts *facts, struct failure *failure);
