/* SPDX-License-Identifier: BSD-2-Clause */
/* The BIOS loader's first sector holds its parameters and the sum of the rest:
 * kernel/boot/bios/start.S. */
#include <string.h>

#include "abi/disk/mbr.h"
#include "pack/disk/loaders.h"

__asm__(".section .rodata.bios_loader, \"a\", @progbits\n"
	".balign 16\n"
	".globl bios_loader_begin, bios_loader_end\n"
	".hidden bios_loader_begin, bios_loader_end\n"
	"bios_loader_begin: .incbin \"" HULL_BIOS_LOADER "\"\n"
	"bios_loader_end:\n"
	".previous\n");

extern const uint8_t bios_loader_begin[], bios_loader_end[];

uint32_t loader_bios_bytes(void)
{
	return (uint32_t)(bios_loader_end - bios_loader_begin);
}

static uint32_t sum_of(const uint8_t *at, const uint8_t *end)
{
	uint32_t sum = 0;

	for (; at < end; at += sizeof(uint32_t)) {
		uint32_t word;

		memcpy(&word, at, sizeof(word));
		sum = (sum << 1 | sum >> 31) + word;
	}
	return sum;
}

void loader_bios_put(uint8_t *at, struct disk_record record, bool is_there)
{
	uint32_t bytes = loader_bios_bytes();

	record.magic = DISK_RECORD_MAGIC;
	record.loader_bytes = (uint16_t)bytes;
	record.nr_more = is_there ? 0 : (uint16_t)(bytes / DISK_SECTOR - 1);
	record.loader_sum = sum_of(bios_loader_begin + DISK_SECTOR, bios_loader_end);
	memcpy(at, bios_loader_begin, bytes);
	memcpy(at + DISK_RECORD, &record, sizeof(record));
}
