/* SPDX-License-Identifier: BSD-2-Clause */
/* The loaders (kernel/boot/bios, kernel/boot/uefi) inside this program, so that
 * there is nothing to be found or missing. */
#pragma once
#include <stdint.h>

#include "abi/hull/disk.h"
#include "pack/disk/disk.h"

/* The BIOS loader, a multiple of sectors: its first one, and the rest. */
uint32_t loader_bios_bytes(void);
/* The loader for `record`, which tells all but what this fills in: magic and
 * the loader's own. `is_there`: the firmware has read the rest already. */
void loader_bios_put(uint8_t *at, struct disk_record record, bool is_there);

uint32_t loader_uefi_bytes(void);
/* A UEFI application with the package as its section .hull; *package_offset: where in there. */
int loader_uefi_make(const struct disk_bytes *package, struct disk_bytes *application,
		     uint32_t *package_offset, struct failure *failure);
