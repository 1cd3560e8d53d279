/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of the boot drive, through INT 13h's extensions (EDD 3.0 §4) and a buffer below 1 MiB: as
 * many sectors at once as it holds, and as every BIOS takes (127: Phoenix).
 */
#include "abi/hull/disk.h"
#include "boot/bios/bios.h"
#include "boot/bios/layout.h"
#include "lib/string.h"

#define SECTORS_MAX 127
#define READ        0x4200

extern const struct disk_record record;
extern const uint8_t boot_drive;
extern const volatile uint32_t bios_vectors[]; /* bios.lds */

struct packet {
	uint8_t size, zero;
	uint16_t count, offset, segment;
	uint64_t sector;
};

bool bios_interrupt(unsigned vector, struct bios_registers *registers)
{
	registers->routine = bios_vectors[vector];
	bios_call(registers);
	return !registers->carry;
}

static void read_sectors(uint64_t sector, uint32_t count)
{
	struct packet packet = {
		.size = sizeof(packet),
		.count = (uint16_t)count,
		.segment = BOUNCE >> 4,
		.sector = sector,
	};
	struct bios_registers r = { .eax = READ, .edx = boot_drive, .esi = (uint32_t)&packet };

	if (!bios_interrupt(0x13, &r))
		bios_fail_number("the disk cannot be read; from sector", (uint32_t)sector);
	if (packet.count != count)
		bios_fail_number("the disk was read in part only; from sector", (uint32_t)sector);
}

void bios_read(uint64_t offset, uint32_t bytes, void *to)
{
	uint32_t shift = record.sector_bytes == 512 ? 9 : 11;
	uint32_t at_once = min(BOUNCE_BYTES >> shift, SECTORS_MAX) << shift;
	uint32_t skip = (uint32_t)offset & ((1u << shift) - 1);
	uint64_t sector = offset >> shift;

	while (bytes > 0) {
		uint32_t part = min(bytes, at_once - skip);
		uint32_t count = (skip + part + (1u << shift) - 1) >> shift;

		read_sectors(sector, count);
		memcpy(to, (const void *)(BOUNCE + skip), part);
		to = (uint8_t *)to + part;
		bytes -= part;
		sector += count;
		skip = 0;
	}
}
