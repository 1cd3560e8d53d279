/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FAT12 and FAT16: "Microsoft Extensible Firmware Initiative FAT32 File System Specification" 1.03.
 */
#pragma once
#include <stdint.h>

#define FAT12_CLUSTERS_MAX 4084u /* below: FAT12, above: FAT16 */
#define FAT16_CLUSTERS_MAX 65524u
#define FAT_FIRST_CLUSTER  2u
#define FAT12_END          0xfffu
#define FAT16_END          0xffffu
#define FAT_MEDIA_FIXED    0xf8
#define FAT_EXTENDED       0x29
#define FAT_DATE_EPOCH     0x0021 /* 1980-01-01 */
#define FAT_ATTR_VOLUME    0x08
#define FAT_ATTR_DIRECTORY 0x10
#define FAT_ATTR_ARCHIVE   0x20

struct fat_boot_sector {
	uint8_t jump[3], oem[8];
	uint16_t sector_bytes;
	uint8_t cluster_sectors;
	uint16_t reserved_sectors;
	uint8_t nr_fats;
	uint16_t nr_root_entries, sectors_16;
	uint8_t media;
	uint16_t fat_sectors, track_sectors, heads;
	uint32_t hidden_sectors, sectors_32;
	uint8_t drive, reserved, extended;
	uint32_t volume_id;
	uint8_t label[11], type[8], code[448];
	uint16_t signature; /* MBR_SIGNATURE */
} __attribute__((packed));

struct fat_entry {
	uint8_t name[11], attributes, reserved, created_tenth;
	uint16_t created_time, created_date, accessed_date, cluster_high;
	uint16_t time, date, cluster;
	uint32_t size_bytes;
} __attribute__((packed));
