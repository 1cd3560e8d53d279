/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks that boot an image: raw, for a hard disk or a stick, and ISO 9660, for a CD, a stick too;
 * by BIOS, by UEFI, or by both from one copy of the image.
 *
 *	raw, BIOS	MBR | rest of the loader | package (one partition, no file system)
 *	raw, UEFI	GPT | EFI system partition: EFI/BOOT/BOOTX64.EFI
 *	raw, both	MBR | rest of the loader | EFI system partition (MBR, type ef)
 *	ISO		as raw in the system area | ISO 9660, El Torito | package or partition
 *
 * The UEFI loader holds the package in a section of its own (.hull): one file is all that firmware
 * reads, and all that has to be signed for secure boot. The BIOS loader reads the same bytes by
 * their place on the disk, which stands in the first sector (abi/hull/disk.h).
 *
 * Everything is made in memory, and depends on nothing but the image, the options and this
 * program's version: so disk_verify() makes a disk once more and compares.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pack/failure.h"

enum disk_form { DISK_FORM_RAW, DISK_FORM_ISO };

enum disk_compression {
	DISK_LZ4,  /* fast to start */
	DISK_LZMA, /* a quarter smaller */
	DISK_STORED,
};

struct disk_options {
	enum disk_form form;
	bool by_bios, by_uefi; /* one at the least */
	enum disk_compression compression;
};

/* Owned by whoever has it; free(at). */
struct disk_bytes {
	uint8_t *at;
	size_t len;
};

/* What is where, for people. */
struct disk_facts {
	struct disk_options options;
	uint64_t disk_bytes, package_offset;
	uint32_t bios_loader_bytes, uefi_loader_bytes; /* 0: is not there */
	uint32_t package_bytes, image_bytes;
};

/* From an image's ELF file to a disk. */
int disk_make(const void *image, size_t len, const struct disk_options *options,
	      struct disk_bytes *disk, struct failure *failure);

/* Is this the beginning of one of our disks? */
bool disk_is_one(const void *bytes, size_t len);

/* The image's ELF file as it was, and what is known of the disk; NULL: not
 * wanted. */
int disk_read(const void *disk, size_t len, struct disk_bytes *image, struct disk_facts *facts,
	      struct failure *failure);

/* Every byte of a disk is what disk_make() makes of its image: nothing else
 * boots from it. */
int disk_verify(const void *disk, size_t len, struct failure *failure);
