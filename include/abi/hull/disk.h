/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A package: an image (abi/hull/image.h) as it stands on a disk, compressed, for our loaders
 * (kernel/boot/bios, kernel/boot/uefi). What has to be thought about was thought about when it was
 * written (pack/disk): the loader is told where each part goes, and needs no ELF file.
 *
 *	struct package_header, nr_parts struct package_part, then the parts' bytes
 *
 * A part is one segment of the image, in ascending order of addresses, or (PACKAGE_REST) all that
 * lies between the segments in the file, which is not loaded: from a package the image comes back
 * to the byte. The last segment may be the payload: its address is a wish, and the loader that puts
 * it elsewhere says so in the image's slot (struct image_slot).
 *
 * All numbers are 32 bits wide, for an image lies below IMAGE_END_MAX. Offsets are from the
 * package's beginning. Sums are XXH32. Little-endian.
 */
#pragma once
#include <stdint.h>

#define PACKAGE_MAGIC     0x6b636150u /* "Pack" */
#define PACKAGE_VERSION   1
#define PACKAGE_MAX_PARTS 8

struct package_header {
	uint32_t magic, version;
	uint32_t sum; /* of this structure, with 0 here, and the array of parts */
	uint32_t nr_parts;
	uint32_t package_bytes, image_bytes;
	uint32_t entry;        /* the image's PVH entry */
	uint32_t slot;         /* physical address of its struct image_slot; 0: it has none */
	uint32_t memory_begin; /* the range of the segments, but for the payload */
	uint32_t memory_end;
};

enum package_kind {
	PACKAGE_SEGMENT = 1,
	PACKAGE_PAYLOAD = 2, /* a segment too */
	PACKAGE_REST = 3,
};

enum package_method {
	PACKAGE_STORED = 0,
	PACKAGE_LZ4 = 1,  /* one LZ4 block (lib/lz4.h) */
	PACKAGE_LZMA = 2, /* one raw LZMA stream (lib/lzma.h) */
};

struct package_part {
	uint32_t kind;         /* enum package_kind */
	uint32_t method;       /* enum package_method */
	uint32_t is_code;      /* 1: its calls were translated (lib/x86_branch.h) */
	uint32_t offset;       /* of its bytes here */
	uint32_t packed_bytes; /* as they are here */
	uint32_t plain_bytes;
	uint32_t file_offset;  /* in the image; not of PACKAGE_REST */
	uint32_t address;      /* physical, of a segment, page aligned */
	uint32_t memory_bytes; /* from plain_bytes on zeros; a multiple of the page */
	/*
	 * Decoding works in place, when the packed bytes end so far behind the end of the plain
	 * ones.
	 */
	uint32_t margin;
	uint32_t packed_sum;
};

/*
 * Where on a disk the package is, in its first sector: the loader's parameters, and what `hull
 * inspect` reads. The BIOS loader's code has this structure at DISK_RECORD; where there is no BIOS
 * loader the rest of the sector's code area is empty.
 */
#define DISK_RECORD       0x188 /* before the partition table and the disk's signature, at 0x1b8 */
#define DISK_RECORD_MAGIC 0x6b736944u /* "Disk" */

enum disk_record_flags {
	DISK_HAS_BIOS = 1,
	DISK_HAS_UEFI = 2,
	DISK_IS_ISO = 4,
};

struct disk_record {
	uint32_t magic;
	uint16_t flags;        /* enum disk_record_flags */
	uint16_t sector_bytes; /* of the medium that the BIOS loader stands on: 512 or 2048 */
	uint16_t nr_more; /* sectors of the loader to be read behind the first; 0: they are there */
	uint16_t loader_bytes; /* of the BIOS loader, a multiple of 512 */
	uint32_t loader_sum;   /* of what is behind its first sector: start.S says how */
	uint64_t package;      /* offset on the disk, in bytes */
	uint32_t package_bytes;
	uint32_t padding;
};
