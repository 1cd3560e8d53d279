/* SPDX-License-Identifier: BSD-2-Clause */
/* The x86/HVM direct boot ABI ("PVH"), version 1: the structure that EBX points to at entry. */
#pragma once
#include <stdint.h>

#define PVH_START_MAGIC       0x336ec578u
#define PVH_NOTE_PHYS32_ENTRY 18 /* ELF note of owner "Xen": the 32-bit physical entry */

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr;
	uint64_t memmap_paddr; /* from version 1 on */
	uint32_t memmap_entries, reserved;
};

struct pvh_module {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

struct pvh_memory {
	uint64_t addr, size;
	uint32_t type, reserved;
}; /* type: as E820, 1 = RAM */
