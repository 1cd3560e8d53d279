/* SPDX-License-Identifier: BSD-2-Clause */
/* What the start needs of ACPI's tables. */
#pragma once
#include "abi/hull/boot.h"
#include "lib/types.h"

/*
 * Adds the CPUs that the tables at info->rsdp name, by cpus_add(), and the I/O APICs. False: there
 * are no such tables.
 * Physical memory below `mapped_limit` can be read.
 */
bool acpi_find_cpus(struct boot_info *info, paddr_t mapped_limit);
/* The same for info->power. */
void acpi_find_power(struct boot_info *info, paddr_t mapped_limit);
/* Adds the virtio-mmio devices that the tables name, but for those that info has already. */
void acpi_find_devices(struct boot_info *info, paddr_t mapped_limit);
