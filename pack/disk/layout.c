/* SPDX-License-Identifier: BSD-2-Clause */
/* The first sector: record and partition table. */
#include "pack/disk/layout.h"

#include <string.h>

#include "abi/disk/mbr.h"
#include "pack/disk/loaders.h"

static struct disk_record record_of(const struct content *content, uint64_t content_at)
{
	const struct disk_options *o = content->options;

	return (struct disk_record){
		.magic = DISK_RECORD_MAGIC,
		.flags = (uint16_t)((o->by_bios ? DISK_HAS_BIOS : 0) |
				    (o->by_uefi ? DISK_HAS_UEFI : 0) |
				    (o->form == DISK_FORM_ISO ? DISK_IS_ISO : 0)),
		.sector_bytes = DISK_SECTOR,
		.package = content_at + content->package,
		.package_bytes = content->package_bytes,
	};
}

#define HEADS         2u
#define TRACK_SECTORS 17u
#define CYLINDER      (HEADS * TRACK_SECTORS)
#define SMALL_SECTORS (2u * 16 * 63) /* what QEMU and SeaBIOS take for a disk's least */

static void put_chs(uint8_t chs[3], uint32_t sector)
{
	chs[0] = (uint8_t)(sector / TRACK_SECTORS % HEADS);
	chs[1] = (uint8_t)(sector % TRACK_SECTORS + 1);
	chs[2] = (uint8_t)(sector / CYLINDER);
}

/*
 * A BIOS wants a partition that is active. By the end of the first one, QEMU
 * guesses a disk's geometry, which SeaBIOS needs to be no larger than the disk:
 * small disks have two heads.
 */
static void put_partition(struct mbr *mbr, const struct content *content, uint64_t at)
{
	const struct disk_options *o = content->options;
	struct mbr_partition partition = {
		.status = o->by_bios ? MBR_ACTIVE : 0,
		.first_chs = MBR_NO_CHS,
		.last_chs = MBR_NO_CHS,
		.type = o->by_uefi ? MBR_TYPE_EFI : MBR_TYPE_DATA,
		.first = (uint32_t)(at / DISK_SECTOR),
		.nr = (uint32_t)((content->bytes.len + DISK_SECTOR - 1) / DISK_SECTOR),
	};
	uint32_t end = partition.first + partition.nr;

	if (end < SMALL_SECTORS) {
		put_chs(partition.first_chs, partition.first);
		put_chs(partition.last_chs, end / CYLINDER * CYLINDER - 1);
	}
	mbr->partitions[0] = partition;
	mbr->disk_signature = content->id;
	mbr->signature = MBR_SIGNATURE;
}

void layout_put_start(uint8_t *disk, const struct content *content, uint64_t content_at)
{
	struct disk_record record = record_of(content, content_at);
	struct mbr mbr;

	if (content->options->by_bios)
		loader_bios_put(disk, record, false);
	else
		memcpy(disk + DISK_RECORD, &record, sizeof(record));
	memcpy(&mbr, disk, sizeof(mbr));
	put_partition(&mbr, content, content_at);
	memcpy(disk, &mbr, sizeof(mbr));
}
