/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPUs a PC has, for boot protocols that do not say. */
#pragma once
#include "abi/hull/boot.h"
#include "lib/types.h"

/*
 * Fills in nr_cpus and cpu_apic_ids, the boot CPU first, by info->rsdp or without it. Runs with the
 * boot tables: physical memory below `mapped_limit` can be read.
 */
void cpus_find(struct boot_info *info, paddr_t mapped_limit);

/* One more, unless it is the boot CPU, which is there already, or there is no room. */
void cpus_add(struct boot_info *info, uint32_t apic_id);
