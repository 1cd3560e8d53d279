/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A FAT file system of the smallest size for one file, EFI/BOOT/BOOTX64.EFI (UEFI 2.10 §3.5.1.1):
 * FAT12 or FAT16, whichever its number of clusters makes it (§3.5 of the specification of FAT). The
 * file's clusters follow each other: a BIOS loader reads it by its place.
 *
 *	boot sector | FAT | FAT | root directory | EFI | BOOT | the file
 */
#include <stdlib.h>
#include <string.h>

#include "abi/disk/fat.h"
#include "abi/disk/mbr.h"
#include "lib/compiler.h"
#include "pack/disk/layout.h"

#define NR_FATS             2u
#define NR_ROOT_ENTRIES     512u
#define ROOT_SECTORS        (NR_ROOT_ENTRIES * sizeof(struct fat_entry) / DISK_SECTOR)
#define CLUSTER_SECTORS_MAX 64u

enum cluster { CLUSTER_EFI = FAT_FIRST_CLUSTER, CLUSTER_BOOT, CLUSTER_FILE };

struct fat {
	uint32_t cluster_sectors, nr_clusters, fat_sectors;
	uint32_t file_bytes, file_clusters;
	uint32_t data_at; /* sectors before the first cluster */
	uint8_t *bytes;
};

static uint32_t divide_up(uint64_t n, uint32_t by)
{
	return (uint32_t)((n + by - 1) / by);
}

/* The smallest clusters that FAT16 can number. */
static int plan(struct fat *fat, const struct disk_bytes *file, struct failure *failure)
{
	uint32_t fat_bytes;

	fat->cluster_sectors = 1;
	do {
		fat->file_bytes = (uint32_t)file->len;
		fat->file_clusters = divide_up(file->len, fat->cluster_sectors * DISK_SECTOR);
		fat->nr_clusters = CLUSTER_FILE - FAT_FIRST_CLUSTER + fat->file_clusters;
		if (fat->nr_clusters <= FAT16_CLUSTERS_MAX)
			break;
		fat->cluster_sectors *= 2;
	} while (fat->cluster_sectors <= CLUSTER_SECTORS_MAX);
	if (fat->cluster_sectors > CLUSTER_SECTORS_MAX)
		return failure_set(failure, "the image is too large for an EFI system partition");
	if (fat->nr_clusters <= FAT12_CLUSTERS_MAX)
		fat_bytes = divide_up((fat->nr_clusters + FAT_FIRST_CLUSTER) * 3ul, 2);
	else
		fat_bytes = (fat->nr_clusters + FAT_FIRST_CLUSTER) * 2;
	fat->fat_sectors = divide_up(fat_bytes, DISK_SECTOR);
	fat->data_at = 1 + NR_FATS * fat->fat_sectors + (uint32_t)ROOT_SECTORS;
	return 0;
}

static void put_boot_sector(struct fat *fat, uint32_t id)
{
	uint32_t sectors = fat->data_at + fat->nr_clusters * fat->cluster_sectors;
	bool is_12 = fat->nr_clusters <= FAT12_CLUSTERS_MAX;
	struct fat_boot_sector b = {
		.jump = { 0xeb, 0x3c, 0x90 },
		.sector_bytes = DISK_SECTOR,
		.cluster_sectors = (uint8_t)fat->cluster_sectors,
		.reserved_sectors = 1,
		.nr_fats = NR_FATS,
		.nr_root_entries = NR_ROOT_ENTRIES,
		.sectors_16 = sectors < 0x10000 ? (uint16_t)sectors : 0,
		.media = FAT_MEDIA_FIXED,
		.fat_sectors = (uint16_t)fat->fat_sectors,
		.track_sectors = 63,
		.heads = 255,
		.sectors_32 = sectors < 0x10000 ? 0 : sectors,
		.drive = 0x80,
		.extended = FAT_EXTENDED,
		.volume_id = id,
		.signature = MBR_SIGNATURE,
	};

	memcpy(b.oem, "HULL    ", sizeof(b.oem));
	memcpy(b.label, "HULL       ", sizeof(b.label));
	memcpy(b.type, is_12 ? "FAT12   " : "FAT16   ", sizeof(b.type));
	memcpy(fat->bytes, &b, sizeof(b));
}

static void set_next(const struct fat *fat, uint8_t *table, uint32_t cluster, uint32_t next)
{
	uint32_t at = cluster + cluster / 2;

	if (fat->nr_clusters > FAT12_CLUSTERS_MAX) {
		table[cluster * 2] = (uint8_t)next;
		table[cluster * 2 + 1] = (uint8_t)(next >> 8);
	} else if (cluster % 2 == 0) {
		table[at] = (uint8_t)next;
		table[at + 1] = (uint8_t)((table[at + 1] & 0xf0) | (next >> 8 & 0x0f));
	} else {
		table[at] = (uint8_t)((table[at] & 0x0f) | (next << 4 & 0xf0));
		table[at + 1] = (uint8_t)(next >> 4);
	}
}

static void put_tables(const struct fat *fat)
{
	uint8_t *table = fat->bytes + DISK_SECTOR;
	uint32_t end = fat->nr_clusters > FAT12_CLUSTERS_MAX ? FAT16_END : FAT12_END;
	uint32_t last = CLUSTER_FILE + fat->file_clusters - 1;

	set_next(fat, table, 0, (end & ~0xffu) | FAT_MEDIA_FIXED);
	set_next(fat, table, 1, end);
	set_next(fat, table, CLUSTER_EFI, end);
	set_next(fat, table, CLUSTER_BOOT, end);
	for (uint32_t i = CLUSTER_FILE; i <= last; i++)
		set_next(fat, table, i, i < last ? i + 1 : end);
	memcpy(table + fat->fat_sectors * DISK_SECTOR, table, fat->fat_sectors * DISK_SECTOR);
}

static uint8_t *cluster_at(const struct fat *fat, uint32_t cluster)
{
	uint32_t sector = fat->data_at + (cluster - FAT_FIRST_CLUSTER) * fat->cluster_sectors;

	return fat->bytes + (size_t)sector * DISK_SECTOR;
}

static uint8_t *put_entry(uint8_t *at, const char *name, uint8_t attributes, uint32_t cluster,
			  uint32_t size_bytes)
{
	struct fat_entry e = {
		.attributes = attributes,
		.created_date = FAT_DATE_EPOCH,
		.accessed_date = FAT_DATE_EPOCH,
		.date = FAT_DATE_EPOCH,
		.cluster = (uint16_t)cluster,
		.size_bytes = size_bytes,
	};

	memcpy(e.name, name, sizeof(e.name));
	memcpy(at, &e, sizeof(e));
	return at + sizeof(e);
}

static void put_directories(const struct fat *fat)
{
	uint8_t *at = fat->bytes + (1 + (size_t)NR_FATS * fat->fat_sectors) * DISK_SECTOR;

	at = put_entry(at, "HULL       ", FAT_ATTR_VOLUME, 0, 0);
	put_entry(at, "EFI        ", FAT_ATTR_DIRECTORY, CLUSTER_EFI, 0);
	at = cluster_at(fat, CLUSTER_EFI);
	at = put_entry(at, ".          ", FAT_ATTR_DIRECTORY, CLUSTER_EFI, 0);
	at = put_entry(at, "..         ", FAT_ATTR_DIRECTORY, 0, 0);
	put_entry(at, "BOOT       ", FAT_ATTR_DIRECTORY, CLUSTER_BOOT, 0);
	at = cluster_at(fat, CLUSTER_BOOT);
	at = put_entry(at, ".          ", FAT_ATTR_DIRECTORY, CLUSTER_BOOT, 0);
	at = put_entry(at, "..         ", FAT_ATTR_DIRECTORY, CLUSTER_EFI, 0);
	put_entry(at, "BOOTX64 EFI", FAT_ATTR_ARCHIVE, CLUSTER_FILE, fat->file_bytes);
}

int fat_make(const struct disk_bytes *application, uint32_t id, uint64_t *file,
	     struct disk_bytes *out, struct failure *failure)
{
	struct fat fat = { 0 };

	if (plan(&fat, application, failure) != 0)
		return -1;
	out->len = ((size_t)fat.data_at + (size_t)fat.nr_clusters * fat.cluster_sectors) *
		   DISK_SECTOR;
	out->at = calloc(1, out->len);
	if (!out->at)
		return failure_set(failure, "too little memory to make a disk of %zu bytes",
				   out->len);
	fat.bytes = out->at;
	put_boot_sector(&fat, id);
	put_tables(&fat);
	put_directories(&fat);
	*file = (uint64_t)(cluster_at(&fat, CLUSTER_FILE) - out->at);
	memcpy(out->at + *file, application->at, application->len);
	return 0;
}

void fat_set_place(struct disk_bytes *fat, uint32_t first_sector)
{
	struct fat_boot_sector *b = (struct fat_boot_sector *)fat->at;

	b->hidden_sectors = first_sector;
}
