/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What raw disks and ISO images have in common: the content, which is the
 * package itself or an EFI system partition with the package in its one file,
 * and the first sector.
 */
#pragma once
#include "abi/hull/disk.h"
#include "pack/disk/disk.h"

struct content {
	struct disk_bytes bytes;
	uint64_t package; /* offset in bytes */
	uint32_t package_bytes;
	uint32_t id; /* a number that differs where the image does */
	const struct disk_options *options;
};

/* pack/disk/fat.c: a file system that holds EFI/BOOT/BOOTX64.EFI; `file`: its
 * offset in there. */
int fat_make(const struct disk_bytes *application, uint32_t id, uint64_t *file,
	     struct disk_bytes *out, struct failure *failure);
/* It begins at this sector of the disk. */
void fat_set_place(struct disk_bytes *fat, uint32_t first_sector);

/* The first sectors, up to 32 KiB: the loader or, without BIOS, its record
 * alone; and one partition. */
void layout_put_start(uint8_t *disk, const struct content *content, uint64_t content_at);

int raw_make(struct content *content, struct disk_bytes *disk, struct failure *failure);
int iso_make(struct content *content, struct disk_bytes *disk, struct failure *failure);
