/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ISO 9660 (ECMA-119, 4th edition) and El Torito ("Bootable CD-ROM Format Specification" 1.0; UEFI
 * 2.10 §13.3.2.1). Numbers "in both orders" are little-endian, then big-endian.
 */
#pragma once
#include <stdint.h>

#define ISO_SECTOR           2048u
#define ISO_SYSTEM_SECTORS   16u /* before the first descriptor; anybody's */
#define ISO_BOOT             0
#define ISO_PRIMARY          1
#define ISO_TERMINATOR       255
#define ISO_FLAG_DIRECTORY   2
#define ISO_SYSTEM_EL_TORITO "EL TORITO SPECIFICATION"

struct iso_both16 {
	uint16_t little, big;
} __attribute__((packed));

struct iso_both32 {
	uint32_t little, big;
} __attribute__((packed));

struct iso_record { /* ECMA-119 §9.1; the name and padding to an even length follow */
	uint8_t bytes, extended;
	struct iso_both32 sector, size_bytes;
	uint8_t time[7], flags, interleave[2];
	struct iso_both16 volume;
	uint8_t name_bytes;
} __attribute__((packed));

struct iso_path { /* §9.4, of the root */
	uint8_t name_bytes, extended;
	uint32_t sector;
	uint16_t parent;
	uint8_t name, padding;
} __attribute__((packed));

struct iso_primary { /* §8.4 */
	uint8_t type;
	char identifier[5];
	uint8_t version, unused1;
	char system[32], volume[32];
	uint8_t unused2[8];
	struct iso_both32 nr_sectors;
	uint8_t unused3[32];
	struct iso_both16 set_size, sequence, sector_bytes;
	struct iso_both32 path_bytes;
	uint32_t path_little, optional_little, path_big, optional_big;
	struct iso_record root;
	uint8_t root_name;
	char set[128], publisher[128], preparer[128], application[128];
	char copyright_file[37], abstract_file[37], bibliography_file[37];
	char created[17], modified[17], expires[17], effective[17];
	uint8_t structure_version, unused4;
	uint8_t application_use[512], reserved[653];
} __attribute__((packed));

struct iso_boot_record { /* El Torito §2.0 */
	uint8_t type;
	char identifier[5];
	uint8_t version;
	char system[32];
	uint8_t unused[32];
	uint32_t catalog;
} __attribute__((packed));

#define ELTORITO_KEY            0xaa55
#define ELTORITO_BOOTABLE       0x88
#define ELTORITO_PLATFORM_X86   0
#define ELTORITO_PLATFORM_EFI   0xef
#define ELTORITO_MORE           0x90
#define ELTORITO_LAST           0x91
#define ELTORITO_VIRTUAL_SECTOR 512u

struct eltorito_validation { /* §2.1 */
	uint8_t header, platform;
	uint16_t reserved;
	char id[24];
	uint16_t checksum, key;
} __attribute__((packed));

struct eltorito_section { /* §2.3 */
	uint8_t header, platform;
	uint16_t nr_entries;
	char id[28];
} __attribute__((packed));

struct eltorito_entry { /* §2.2 and §2.4 */
	uint8_t bootable, media;
	uint16_t segment; /* 0: 7c0 */
	uint8_t system, unused;
	uint16_t nr_sectors; /* virtual ones, to be loaded; 0: up to the medium's end (UEFI) */
	uint32_t sector;
	uint8_t criteria[20];
} __attribute__((packed));
