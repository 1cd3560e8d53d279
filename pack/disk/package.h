/* SPDX-License-Identifier: BSD-2-Clause */
/* Packages (abi/hull/disk.h), written and read back. */
#pragma once
#include "pack/disk/disk.h"

int package_make(const void *image, size_t len, enum disk_compression compression,
		 struct disk_bytes *package, struct failure *failure);
/* The image again, to the byte. */
int package_open(const void *package, size_t len, struct disk_bytes *image,
		 struct failure *failure);
/* How it was made. The package is one that package_open() took. */
enum disk_compression package_compression(const void *package);
