/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From UEFI to the kernel's PVH entry. The package is in the application itself, in the section
 * .hull: firmware has read it. The payload is decoded to a place that firmware gives; the kernel's
 * segments to another, for theirs may be in use until firmware is left, and handoff.S moves them.
 *
 * An error is said on the console and returned: firmware goes on with what else there is to boot.
 */
#include "abi/boot/pvh.h"
#include "abi/boot/uefi.h"
#include "abi/hull/image.h"
#include "boot/loader/memory_map.h"
#include "boot/uefi/handoff.h"
#include "lib/package.h"
#include "lib/string.h"

#define MAP_BYTES_MAX (64u << 10)
#define REACHED       (1ull << 32) /* by the kernel, at first, and by 32-bit code */
#define EXIT_ATTEMPTS 2            /* UEFI 2.10 §7.4.6: the map may change once, by the first */

_Static_assert(HANDOFF_BYTES == offsetof(struct handoff, bytes), "handoff.S");
_Static_assert(HANDOFF_ENTRY == offsetof(struct handoff, entry), "handoff.S");
_Static_assert(HANDOFF_START_INFO == offsetof(struct handoff, start_info), "handoff.S");

struct pe_section {
	uint32_t bytes, at, file_bytes, file_at;
};

/* In this very file: found by RIP, not by a table of addresses. */
#pragma GCC visibility push(hidden)
extern const uint8_t image_base[];
extern const struct pe_section package_section;
#pragma GCC visibility pop

/* What the kernel and handoff.S read, in low pages of its own. */
struct low {
	uint8_t code[512];
	struct handoff handoff;
	struct pvh_start_info start_info;
	struct pvh_memory memory[MEMORY_MAP_MAX];
};

struct loader {
	void *image;
	const struct uefi_system_table *system;
	struct uefi_boot_services *boot;
	const struct package_header *header;
	uint8_t *segments; /* the range of memory_begin to memory_end, elsewhere */
	struct low *low;
	uint64_t map_key;
};

static struct memory_map map;
static struct lzma_model model;
static uint8_t map_bytes[MAP_BYTES_MAX] ALIGNED(8);

uefi_status UEFI_API uefi_main(void *image, struct uefi_system_table *system);

static void print(const struct loader *l, const char *text)
{
	for (; *text; text++) {
		const uint16_t character[2] = { (uint8_t)*text, 0 };

		l->system->console_out->output_string(l->system->console_out, character);
	}
}

/* Below `limit`, as high as there is room; NULL: there is none. */
static void *allocate(const struct loader *l, uint64_t bytes, uint64_t limit, uint32_t type)
{
	uint64_t address = limit - 1;

	if (l->boot->allocate_pages(UEFI_ALLOCATE_MAX_ADDRESS, type,
				    (bytes + UEFI_PAGE - 1) / UEFI_PAGE, &address) != UEFI_SUCCESS)
		return NULL;
	return (void *)address;
}

static const char *load(struct loader *l, const struct package_part *part)
{
	const uint8_t *packed = (const uint8_t *)l->header + part->offset;
	uint8_t *plain = l->segments + (part->address - l->header->memory_begin);
	const char *error;

	if (part->kind == PACKAGE_PAYLOAD)
		plain = allocate(l, part->memory_bytes, IMAGE_END_MAX, UEFI_LOADER_DATA);
	if (!plain)
		return "too little memory for the image";
	error = package_decode(part, packed, plain, &model);
	if (error)
		return error;
	memset(plain + part->plain_bytes, 0, part->memory_bytes - part->plain_bytes);
	if (part->kind == PACKAGE_PAYLOAD && l->header->slot) {
		uint64_t address = (uint64_t)plain;

		memcpy(l->segments + (l->header->slot - l->header->memory_begin) +
			       offsetof(struct image_slot, payload),
		       &address, sizeof(address));
	}
	return NULL;
}

static const char *load_all(struct loader *l)
{
	const struct package_part *part = package_parts(l->header);
	uint32_t bytes = l->header->memory_end - l->header->memory_begin;

	l->low = allocate(l, sizeof(*l->low), REACHED, UEFI_LOADER_CODE);
	l->segments = allocate(l, bytes, REACHED, UEFI_LOADER_DATA);
	if (!l->low || !l->segments)
		return "too little memory for the kernel";
	memset(l->low, 0, sizeof(*l->low));
	memset(l->segments, 0, bytes);
	for (uint32_t i = 0; i < l->header->nr_parts; i++, part++) {
		const char *error = part->kind == PACKAGE_REST ? NULL : load(l, part);

		if (error)
			return error;
	}
	return NULL;
}

/* What is RAM once firmware is left; its own tables and the runtime's are not. */
static bool is_ram(uint32_t type)
{
	return type == UEFI_CONVENTIONAL || type == UEFI_LOADER_CODE || type == UEFI_LOADER_DATA ||
	       type == UEFI_BOOT_SERVICES_CODE || type == UEFI_BOOT_SERVICES_DATA;
}

static bool get_map(struct loader *l)
{
	uint64_t bytes = sizeof(map_bytes), entry_bytes;
	uint32_t version;

	if (l->boot->get_memory_map(&bytes, map_bytes, &l->map_key, &entry_bytes, &version) !=
		    UEFI_SUCCESS ||
	    entry_bytes < sizeof(struct uefi_memory))
		return false;
	map.nr = 0;
	for (uint64_t at = 0; at + entry_bytes <= bytes; at += entry_bytes) {
		const struct uefi_memory *m = (const struct uefi_memory *)(map_bytes + at);

		if (is_ram(m->type))
			memory_map_add(&map, m->physical, m->physical + m->nr_pages * UEFI_PAGE);
	}
	return true;
}

static bool overlaps(const struct loader *l, const void *at, uint64_t bytes)
{
	return (uint64_t)at < l->header->memory_end &&
	       (uint64_t)at + bytes > l->header->memory_begin;
}

/* The kernel's own place must be RAM, and nothing that is needed to get there may be in it. */
static const char *check_place(struct loader *l)
{
	uint32_t begin = l->header->memory_begin, end = l->header->memory_end;

	if (!get_map(l))
		return "firmware does not say what memory there is";
	if (!memory_map_holds(&map, begin, end))
		return "firmware keeps the memory at 1 MiB that the kernel is made for";
	if (overlaps(l, l->low, sizeof(*l->low)) || overlaps(l, l->segments, end - begin))
		return "too little memory for the kernel";
	return NULL;
}

static uint64_t find_rsdp(const struct loader *l)
{
	static const struct uefi_guid guids[] = { UEFI_ACPI_20, UEFI_ACPI_10 };

	for (unsigned which = 0; which < ARRAY_SIZE(guids); which++)
		for (uint64_t i = 0; i < l->system->nr_configurations; i++)
			if (memcmp(&l->system->configurations[i].guid, &guids[which],
				   sizeof(guids[which])) == 0)
				return (uint64_t)l->system->configurations[i].table;
	return 0;
}

static void fill_low(struct loader *l)
{
	struct low *low = l->low;

	for (unsigned i = 0; i < map.nr; i++)
		low->memory[i] = (struct pvh_memory){
			.addr = map.ranges[i].begin,
			.size = map.ranges[i].end - map.ranges[i].begin,
			.type = 1,
		};
	low->start_info.magic = PVH_START_MAGIC;
	low->start_info.version = 1;
	low->start_info.memmap_paddr = (uint64_t)low->memory;
	low->start_info.memmap_entries = map.nr;
	low->handoff = (struct handoff){
		.from = (uint32_t)(uint64_t)l->segments,
		.to = l->header->memory_begin,
		.bytes = l->header->memory_end - l->header->memory_begin,
		.entry = l->header->entry,
		.start_info = (uint32_t)(uint64_t)&low->start_info,
	};
	memcpy(low->code, handoff_begin, (size_t)(handoff_end - handoff_begin));
}

static bool leave(struct loader *l)
{
	for (unsigned i = 0; i < EXIT_ATTEMPTS; i++)
		if (get_map(l) && l->boot->exit_boot_services(l->image, l->map_key) == UEFI_SUCCESS)
			return true;
	return false;
}

static const char *find_package(struct loader *l)
{
	l->header = (const struct package_header *)(image_base + package_section.at);
	if (package_section.bytes == 0)
		return "there is no image in this loader";
	return package_check(l->header, package_section.bytes, package_section.bytes);
}

static const char *boot(struct loader *l)
{
	const char *error = find_package(l);

	if (!error)
		error = load_all(l);
	if (!error)
		error = check_place(l);
	if (error)
		return error;
	l->low->start_info.rsdp_paddr = find_rsdp(l);
	l->boot->set_watchdog_timer(0, 0, 0, NULL);
	if (!leave(l))
		return "firmware does not let go of the machine";
	fill_low(l);
	((handoff_function *)(void *)l->low->code)((uint32_t)(uint64_t)l->low->code,
						   &l->low->handoff);
	__builtin_unreachable();
}

uefi_status UEFI_API uefi_main(void *image, struct uefi_system_table *system)
{
	struct loader l = {
		.image = image,
		.system = system,
		.boot = system->boot_services,
	};
	const char *error = boot(&l);

	print(&l, "Hull: ");
	print(&l, error);
	print(&l, "\r\n");
	return UEFI_LOAD_ERROR;
}
