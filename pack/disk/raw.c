/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw disks. Without UEFI the package follows the loader; with it the partition
 * begins at sector 64, behind the longest loader and GPT's first half. A disk
 * for UEFI alone has a GPT, whose second half is at the end; one for both an
 * MBR, which a BIOS needs and UEFI takes (UEFI 2.10 §5.2.2).
 */
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "abi/disk/mbr.h"
#include "lib/compiler.h"
#include "pack/disk/layout.h"
#include "pack/disk/loaders.h"

#define PARTITION_AT   (64ull * DISK_SECTOR)
#define GPT_BACK_BYTES ((uint64_t)(GPT_ENTRY_SECTORS + 1) * DISK_SECTOR)
#define GPT_FRONT      (GPT_ENTRY_SECTORS + 2ull) /* sectors */

/* Made of the image's number: the same image has the same, as everything else
 * on its disk. */
static void make_guid(uint8_t guid[16], uint32_t id, uint8_t which)
{
	for (unsigned i = 0; i < 16; i++)
		guid[i] = (uint8_t)(id >> 8 * (i % 4)) ^ (uint8_t)(which + i * 17);
	guid[7] = (guid[7] & 0x0f) | 0x80; /* RFC 9562 §5.8: a version that promises nothing */
	guid[8] = (guid[8] & 0x3f) | 0x80;
}

static void put_header(uint8_t *disk, struct gpt_header h, uint64_t my_lba, uint64_t other_lba)
{
	h.my_lba = my_lba;
	h.alternate_lba = other_lba;
	h.entries_lba = my_lba == 1 ? 2 : my_lba - GPT_ENTRY_SECTORS;
	h.header_crc = lzma_crc32((const uint8_t *)&h, sizeof(h), 0);
	memcpy(disk + my_lba * DISK_SECTOR, &h, sizeof(h));
}

static void put_gpt(struct disk_bytes *disk, const struct content *content, uint64_t at)
{
	static const uint8_t type[16] = GPT_TYPE_EFI;
	static const char name[] = "Hull";
	uint8_t entries[GPT_NR_ENTRIES * sizeof(struct gpt_entry)] = { 0 };
	uint64_t last = disk->len / DISK_SECTOR - 1;
	struct gpt_entry entry = { .first = at / DISK_SECTOR };
	struct gpt_header h = {
		.signature = GPT_SIGNATURE,
		.revision = GPT_REVISION,
		.header_bytes = sizeof(h),
		.first_usable = GPT_FRONT,
		.last_usable = last - GPT_ENTRY_SECTORS - 1,
		.nr_entries = GPT_NR_ENTRIES,
		.entry_bytes = sizeof(struct gpt_entry),
	};

	entry.last = entry.first + content->bytes.len / DISK_SECTOR - 1;
	memcpy(entry.type, type, sizeof(type));
	make_guid(entry.guid, content->id, 1);
	for (unsigned i = 0; name[i]; i++)
		entry.name[i] = (uint16_t)name[i];
	memcpy(entries, &entry, sizeof(entry));
	make_guid(h.disk_guid, content->id, 0);
	h.entries_crc = lzma_crc32(entries, sizeof(entries), 0);
	put_header(disk->at, h, 1, last);
	put_header(disk->at, h, last, 1);
	memcpy(disk->at + 2 * DISK_SECTOR, entries, sizeof(entries));
	memcpy(disk->at + (last - GPT_ENTRY_SECTORS) * DISK_SECTOR, entries, sizeof(entries));
}

/* UEFI 2.10 §5.2.3: one partition that covers the disk keeps tools without GPT
 * away. */
static void protect(struct disk_bytes *disk)
{
	struct mbr *mbr = (struct mbr *)disk->at;

	mbr->disk_signature = 0;
	mbr->partitions[0] = (struct mbr_partition){
		.first_chs = { 0, 2, 0 },
		.last_chs = { 0xff, 0xff, 0xff },
		.type = MBR_TYPE_GPT,
		.first = 1,
		.nr = (uint32_t)(disk->len / DISK_SECTOR - 1),
	};
}

int raw_make(struct content *content, struct disk_bytes *disk, struct failure *failure)
{
	bool has_gpt = !content->options->by_bios;
	uint64_t at = content->options->by_uefi ? PARTITION_AT : loader_bios_bytes();
	uint64_t bytes = at + content->bytes.len + (has_gpt ? GPT_BACK_BYTES : 0);

	disk->len = align_up(bytes, (uint64_t)DISK_SECTOR);
	disk->at = calloc(1, disk->len);
	if (!disk->at)
		return failure_set(failure, "too little memory to make a disk of %llu bytes",
				   (unsigned long long)disk->len);
	if (content->options->by_uefi)
		fat_set_place(&content->bytes, (uint32_t)(at / DISK_SECTOR));
	layout_put_start(disk->at, content, at);
	memcpy(disk->at + at, content->bytes.at, content->bytes.len);
	if (has_gpt) {
		protect(disk);
		put_gpt(disk, content, at);
	}
	return 0;
}
