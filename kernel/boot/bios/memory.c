/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory as a BIOS tells of it (INT 15h AX=E820h: ACPI 6.4 §15.1), the A20 gate, and ACPI's root
 * pointer (§5.2.5.1).
 */
#include "boot/bios/bios.h"
#include "boot/bios/layout.h"
#include "lib/string.h"

#define SMAP        0x534d4150u
#define E820_RAM    1
#define E820_ROUNDS 256 /* a BIOS that does not come to an end */

#define EBDA_BYTES 1024
#define ROM_BEGIN  0xe0000
#define ROM_END    0x100000
#define RSDP_STEP  16
#define RSDP_BYTES 20

struct e820 {
	uint64_t base, length;
	uint32_t type;
};

static bool next_entry(uint32_t *at, struct e820 *entry)
{
	struct bios_registers r = {
		.eax = 0xe820,
		.ebx = *at,
		.ecx = 20,
		.edx = SMAP,
		.edi = (uint32_t)entry,
	};

	memset(entry, 0, sizeof(*entry));
	if (!bios_interrupt(0x15, &r) || r.eax != SMAP || r.ecx < 20)
		return false;
	*at = r.ebx;
	return true;
}

static void each_entry(struct memory_map *map, bool is_ram)
{
	struct e820 entry;
	uint32_t at = 0;

	for (unsigned round = 0; round < E820_ROUNDS; round++) {
		if (!next_entry(&at, &entry))
			return;
		if ((entry.type == E820_RAM) == is_ram && entry.base + entry.length >= entry.base) {
			if (is_ram)
				memory_map_add(map, entry.base, entry.base + entry.length);
			else
				memory_map_remove(map, entry.base, entry.base + entry.length);
		}
		if (at == 0)
			return;
	}
}

void bios_memory_map(struct memory_map *map)
{
	map->nr = 0;
	each_entry(map, true);
	each_entry(map, false);
}

/* A write above 1 MiB shows below when the line is closed: here, into a word of our own. */
bool bios_a20_is_open(void)
{
	static volatile uint32_t low;
	volatile uint32_t *high = (volatile uint32_t *)((uint32_t)&low + 0x100000);
	uint32_t kept = *high;
	bool open;

	low = 0x12345678;
	*high = 0x87654321;
	open = low == 0x12345678;
	*high = kept;
	return open;
}

extern const volatile uint16_t bios_ebda_segment; /* bios.lds */

static uint32_t search(uint32_t from, uint32_t to)
{
	for (; from + RSDP_BYTES <= to; from += RSDP_STEP) {
		const uint8_t *at = (const uint8_t *)from;
		uint8_t sum = 0;

		if (memcmp(at, "RSD PTR ", 8) != 0)
			continue;
		for (unsigned i = 0; i < RSDP_BYTES; i++)
			sum += at[i];
		if (sum == 0)
			return from;
	}
	return 0;
}

uint32_t bios_find_rsdp(void)
{
	uint32_t ebda = (uint32_t)bios_ebda_segment << 4, found = 0;

	if (ebda >= LOW_MEMORY_NEEDED && ebda + EBDA_BYTES <= 0xa0000)
		found = search(ebda, ebda + EBDA_BYTES);
	return found ? found : search(ROM_BEGIN, ROM_END);
}
