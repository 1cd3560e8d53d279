/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUs of a PC, by ACPI's tables; without ACPI, as on QEMU's microvm, as many as QEMU's fw_cfg
 * says (QEMU, docs/specs/fw_cfg), numbered upwards. Where neither is there, the boot CPU is all.
 */
#include "boot/cpus.h"

#include "arch/x86_64/x86.h"
#include "boot/acpi.h"
#include "lib/string.h"

#define FW_CFG_SELECT    0x510
#define FW_CFG_DATA      0x511
#define FW_CFG_SIGNATURE 0
#define FW_CFG_NR_CPUS   5

void cpus_add(struct boot_info *info, uint32_t apic_id)
{
	if (apic_id != info->cpu_apic_ids[0] && info->nr_cpus < BOOT_MAX_CPUS)
		info->cpu_apic_ids[info->nr_cpus++] = apic_id;
}

static uint32_t fw_cfg_read(uint16_t item, unsigned len)
{
	uint32_t value = 0;

	out16(FW_CFG_SELECT, item);
	for (unsigned i = 0; i < len; i++)
		value |= (uint32_t)in8(FW_CFG_DATA) << 8 * i;
	return value;
}

static void ask_qemu(struct boot_info *info)
{
	uint32_t signature = fw_cfg_read(FW_CFG_SIGNATURE, 4);
	uint32_t nr;

	if (memcmp(&signature, "QEMU", sizeof(signature)) != 0)
		return;
	nr = fw_cfg_read(FW_CFG_NR_CPUS, 2);
	for (uint32_t id = 0; id < nr; id++)
		cpus_add(info, id);
}

void cpus_find(struct boot_info *info, paddr_t mapped_limit)
{
	info->nr_cpus = 1;
	info->cpu_apic_ids[0] = cpuid(1, 0).ebx >> 24;
	if (!acpi_find_cpus(info, mapped_limit))
		ask_qemu(info);
}
