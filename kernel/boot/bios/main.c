/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a disk that a BIOS booted to the kernel's PVH entry: the memory map, the package's parts one
 * after the other, each read to the end of its place and decoded in place, and the start
 * information.
 *
 * The kernel's segments lie where they were linked to; the payload goes where there is room, if
 * that is not where it was meant to be, and the image's slot is told.
 */
#include "abi/boot/pvh.h"
#include "abi/hull/disk.h"
#include "abi/hull/image.h"
#include "boot/bios/bios.h"
#include "boot/bios/layout.h"
#include "boot/loader/memory_map.h"
#include "lib/package.h"
#include "lib/string.h"

_Static_assert(RECORD == DISK_RECORD, "start.S");
_Static_assert(RECORD_NR_MORE == offsetof(struct disk_record, nr_more), "start.S");
_Static_assert(RECORD_LOADER_BYTES == offsetof(struct disk_record, loader_bytes), "start.S");
_Static_assert(RECORD_LOADER_SUM == offsetof(struct disk_record, loader_sum), "start.S");
_Static_assert(REGISTERS_ES == offsetof(struct bios_registers, es), "start.S");
_Static_assert(REGISTERS_CARRY == offsetof(struct bios_registers, carry), "start.S");
_Static_assert(REGISTERS_ROUTINE == offsetof(struct bios_registers, routine), "start.S");
_Static_assert(BOCHS_WORD_BYTES == sizeof(BOCHS_WORD) - 1, "start.S");

NORETURN void loader_enter(uint32_t entry, uint32_t start_info);
NORETURN void loader_main(void);

extern const struct disk_record record;

static struct memory_map map;
static struct lzma_model model;
static uint8_t head[PACKAGE_HEAD_BYTES] ALIGNED(8);
static struct pvh_start_info start_info;
static struct pvh_memory memory[MEMORY_MAP_MAX];

static void check(const char *error)
{
	if (error)
		bios_fail(error);
}

static void read_head(void)
{
	uint32_t bytes = min(record.package_bytes, (uint32_t)sizeof(head));

	if (record.magic != DISK_RECORD_MAGIC)
		bios_fail("the loader is damaged");
	bios_read(record.package, bytes, head);
	check(package_check(head, bytes, record.package_bytes));
}

/* With what decoding needs behind it. */
static uint32_t room_of(const struct package_part *part)
{
	return max(part->memory_bytes, part->plain_bytes + part->margin);
}

static uint32_t place(const struct package_part *part, uint32_t after)
{
	uint32_t room = room_of(part), found;

	if (memory_map_holds(&map, part->address, (uint64_t)part->address + room))
		return part->address;
	found = 0;
	if (part->kind == PACKAGE_PAYLOAD)
		found = (uint32_t)memory_map_find(&map, room, after, IMAGE_END_MAX);
	if (!found)
		bios_fail_number("too little memory for the image; bytes needed:", room);
	return found;
}

static void load(const struct package_part *part, uint32_t address)
{
	uint8_t *plain = (uint8_t *)address;
	uint8_t *packed = plain + part->plain_bytes + part->margin - part->packed_bytes;

	bios_read(record.package + part->offset, part->packed_bytes, packed);
	check(package_decode(part, packed, plain, &model));
	memset(plain + part->plain_bytes, 0, part->memory_bytes - part->plain_bytes);
}

static void load_all(const struct package_header *header)
{
	const struct package_part *part = package_parts(header);

	for (uint32_t i = 0; i < header->nr_parts; i++, part++) {
		struct image_slot *slot = (struct image_slot *)header->slot;
		uint32_t address;

		if (part->kind == PACKAGE_REST)
			continue;
		address = place(part, header->memory_end);
		load(part, address);
		if (part->kind == PACKAGE_PAYLOAD && header->slot)
			slot->payload = address;
	}
}

static void fill_start_info(void)
{
	for (unsigned i = 0; i < map.nr; i++)
		memory[i] = (struct pvh_memory){
			.addr = map.ranges[i].begin,
			.size = map.ranges[i].end - map.ranges[i].begin,
			.type = 1,
		};
	start_info.magic = PVH_START_MAGIC;
	start_info.version = 1;
	start_info.rsdp_paddr = bios_find_rsdp();
	start_info.memmap_paddr = (uint32_t)memory;
	start_info.memmap_entries = map.nr;
}

void loader_main(void)
{
	const struct package_header *header = (const struct package_header *)head;

	if (!bios_a20_is_open())
		bios_fail("memory above 1 MiB cannot be reached: the A20 gate does not open");
	bios_memory_map(&map);
	if (map.nr == 0)
		bios_fail("the BIOS does not say what memory there is");
	read_head();
	load_all(header);
	fill_start_info();
	loader_enter(header->entry, (uint32_t)&start_info);
}
