/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of every boot protocol: a struct boot_info is checked and handed to the kernel. */
#include "boot/direct.h"

#include "abi/hull/boot.h"
#include "abi/hull/ports.h"
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "arch/x86_64/x86.h"
#include "core/init.h"
#include "core/platform.h"
#include "lib/string.h"

/* There is no platform yet to end the VM by. */
NORETURN void direct_refuse(const char *text)
{
	platform_debug_write(text, strlen(text));
	out32(PORT_EXIT, VM_END_NO_START);
	cpu_stop();
}

void direct_main(paddr_t info_paddr)
{
	const struct boot_info *info = paddr_to_ptr(info_paddr);

	if (info->magic != BOOT_INFO_MAGIC || info->version != BOOT_INFO_VERSION)
		direct_refuse("hull: the loader and the kernel are not of one version\n");
	if (info->nr_memory > BOOT_MAX_MEMORY || info->nr_devices > BOOT_MAX_DEVICES ||
	    info->nr_cpus == 0 || info->nr_cpus > BOOT_MAX_CPUS)
		direct_refuse("hull: the loader's boot information is damaged\n");
	kernel_main(info);
}
