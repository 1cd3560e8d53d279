/* SPDX-License-Identifier: BSD-2-Clause */
/* The first sector of a disk, and GPT's headers. UEFI 2.10 §5.2 and §5.3. */
#pragma once
#include <stdint.h>

#define DISK_SECTOR 512u

#define MBR_CODE_BYTES 440
#define MBR_SIGNATURE  0xaa55
#define MBR_ACTIVE     0x80
#define MBR_TYPE_DATA  0xda /* no file system */
#define MBR_TYPE_GPT   0xee
#define MBR_TYPE_EFI   0xef
#define MBR_NO_CHS \
	{ \
		0xfe, 0xff, 0xff \
	} /* not to be addressed so */

struct mbr_partition {
	uint8_t status, first_chs[3], type, last_chs[3];
	uint32_t first, nr; /* sectors */
} __attribute__((packed));

struct mbr {
	uint8_t code[MBR_CODE_BYTES];
	uint32_t disk_signature;
	uint16_t zero;
	struct mbr_partition partitions[4];
	uint16_t signature;
} __attribute__((packed));

#define GPT_SIGNATURE     0x5452415020494645ull /* "EFI PART" */
#define GPT_REVISION      0x00010000
#define GPT_NR_ENTRIES    128
#define GPT_ENTRY_SECTORS 32

struct gpt_header {
	uint64_t signature;
	uint32_t revision, header_bytes, header_crc, zero;
	uint64_t my_lba, alternate_lba, first_usable, last_usable;
	uint8_t disk_guid[16];
	uint64_t entries_lba;
	uint32_t nr_entries, entry_bytes, entries_crc;
} __attribute__((packed));

struct gpt_entry {
	uint8_t type[16], guid[16];
	uint64_t first, last, attributes; /* sectors, the last included */
	uint16_t name[36];
} __attribute__((packed));

/* C12A7328-F81F-11D2-BA4B-00A0C93EC93B */
#define GPT_TYPE_EFI \
	{ \
		0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, \
			0x3e, 0xc9, 0x3b \
	}
