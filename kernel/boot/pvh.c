/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH's start information turned into a struct boot_info. Module 0 is the launch record; without
 * one it is that of the payload, which also has the root (payload.c). Devices come as QEMU's
 * microvm and Firecracker tell them, in ACPI's tables or in the command line:
 *
 *	virtio_mmio.device=<size>@<base>:<irq>		with an optional K or M after the size
 *
 * Nothing of what the loader passed is trusted to be terminated or small. What it left in low
 * memory is read here and needed no more: the memory for starting further CPUs is taken from there.
 */
#include "abi/boot/pvh.h"

#include "abi/hull/boot.h"
#include "arch/mmu.h"
#include "boot/acpi.h"
#include "boot/cpus.h"
#include "boot/direct.h"
#include "boot/payload.h"
#include "boot/soft_kvm.h"
#include "core/platform.h"
#include "lib/string.h"

#define CMDLINE_MAX   4096
#define RESERVED_MAX  4 /* launch record, payload, trampoline */
#define RAM_MAX       (BOOT_MAX_MEMORY - RESERVED_MAX)
#define DIRECT_LIMIT  (4ull << 30) /* what pvh.S has mapped */
#define DEVICE_OPTION "virtio_mmio.device="

#define LOW_MEMORY_BEGIN 0x1000ull
#define LOW_MEMORY_END   0x9f000ull /* the BIOS has its data area somewhere above */

NORETURN void pvh_main(paddr_t start_paddr);

static struct boot_info info;

static void add_memory(uint64_t base, uint64_t size, uint32_t type)
{
	if (info.nr_memory < BOOT_MAX_MEMORY && size > 0)
		info.memory[info.nr_memory++] = (struct boot_memory){
			.base = base,
			.size_bytes = size,
			.type = type,
		};
}

/* Of more pieces than there is room for the largest are taken. */
static bool add_ram(uint64_t base, uint64_t size)
{
	struct boot_memory *smallest = &info.memory[0];

	if (info.nr_memory < RAM_MAX) {
		add_memory(base, size, BOOT_MEMORY_RAM);
		return true;
	}
	for (unsigned i = 1; i < info.nr_memory; i++)
		if (info.memory[i].size_bytes < smallest->size_bytes)
			smallest = &info.memory[i];
	if (size > smallest->size_bytes) {
		smallest->base = base;
		smallest->size_bytes = size;
	}
	return false;
}

static void read_memory(const struct pvh_start_info *start)
{
	static const char text[] =
		"hull: memory is in more than 60 pieces: the smallest are not used\n";
	const struct pvh_memory *map = paddr_to_ptr(start->memmap_paddr);
	bool all = true;

	for (uint32_t i = 0; i < start->memmap_entries; i++)
		if (map[i].type == 1)
			all &= add_ram(map[i].addr, map[i].size);
	if (!all)
		platform_debug_write(text, sizeof(text) - 1);
}

static uint64_t parse_number(const char **at)
{
	unsigned base = 10;
	uint64_t value = 0;
	const char *s = *at;

	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	}
	for (;; s++) {
		unsigned digit;

		if (*s >= '0' && *s <= '9')
			digit = (unsigned)(*s - '0');
		else if (base == 16 && (*s | 32) >= 'a' && (*s | 32) <= 'f')
			digit = (unsigned)((*s | 32) - 'a' + 10);
		else
			break;
		value = value * base + digit;
	}
	if (*s == 'K' || *s == 'k' || *s == 'M' || *s == 'm')
		value <<= (*s++ | 32) == 'k' ? 10 : 20;
	*at = s;
	return value;
}

static void read_device(const char *s)
{
	struct boot_device d = { 0 };

	d.size_bytes = (uint32_t)parse_number(&s);
	if (*s++ != '@')
		return;
	d.base = parse_number(&s);
	if (*s++ != ':')
		return;
	d.irq = (uint32_t)parse_number(&s);
	if (info.nr_devices < BOOT_MAX_DEVICES)
		info.devices[info.nr_devices++] = d;
}

static void read_cmdline(paddr_t paddr)
{
	static char line[CMDLINE_MAX];
	const char *at = line;

	if (paddr == 0 || paddr >= DIRECT_LIMIT - CMDLINE_MAX)
		return;
	string_copy(line, paddr_to_ptr(paddr), sizeof(line));
	while ((at = strstr(at, DEVICE_OPTION)) != NULL) {
		at += sizeof(DEVICE_OPTION) - 1;
		read_device(at);
	}
}

static void read_launch(const struct pvh_start_info *start)
{
	const struct pvh_module *module = paddr_to_ptr(start->modlist_paddr);

	if (start->nr_modules == 0)
		return;
	info.launch = module->paddr;
	info.launch_bytes = module->size;
	add_memory(module->paddr, module->size, BOOT_MEMORY_RESERVED);
}

/* The launch record and the kernel lie above 1 MiB. */
static void reserve_trampoline(void)
{
	for (unsigned i = 0; i < info.nr_memory; i++) {
		const struct boot_memory *m = &info.memory[i];
		paddr_t base = align_up(max(m->base, LOW_MEMORY_BEGIN), PAGE_SIZE);
		paddr_t end = min(m->base + m->size_bytes, LOW_MEMORY_END);

		if (m->type != BOOT_MEMORY_RAM || end < base || end - base < BOOT_TRAMPOLINE_BYTES)
			continue;
		info.trampoline = base;
		add_memory(base, BOOT_TRAMPOLINE_BYTES, BOOT_MEMORY_RESERVED);
		return;
	}
}

void pvh_main(paddr_t start_paddr)
{
	const struct pvh_start_info *start = paddr_to_ptr(start_paddr);
	const char *wrong;

	info.magic = BOOT_INFO_MAGIC;
	info.version = BOOT_INFO_VERSION;
	if (start->magic == PVH_START_MAGIC) {
		if (start->version >= 1)
			read_memory(start);
		read_launch(start);
		read_cmdline(start->cmdline_paddr);
		info.rsdp = start->rsdp_paddr;
	}
	wrong = payload_find(&info, DIRECT_LIMIT);
	if (wrong != NULL)
		direct_refuse(wrong);
	acpi_find_power(&info, DIRECT_LIMIT);
	acpi_find_devices(&info, DIRECT_LIMIT);
	cpus_find(&info, DIRECT_LIMIT);
	if (info.nr_cpus > 1)
		reserve_trampoline();
	soft_kvm_enter(&info);
	direct_main(ptr_to_paddr(&info));
}
