/* SPDX-License-Identifier: BSD-2-Clause */
/* The ports of abi/hull/ports.h: the kernel's last words, and its end. */
#include "plat/ending.h"

#include "abi/hull/ports.h"
#include "arch/cpu.h"
#include "arch/x86_64/x86.h"
#include "core/platform.h"

#define Q35_PM1_CONTROL 0x604  /* where QEMU's q35 has ACPI's register */
#define PM1_SLEEP_OFF   0x2000 /* SLP_EN, type 0 */

void platform_debug_write(const char *text, size_t len)
{
	__asm__ volatile("rep outsb" : "+S"(text), "+c"(len) : "d"(PORT_DEBUG) : "memory");
}

void ending_end(unsigned vm_end)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} PACKED no_idt = { 0, 0 };

	cpu_irq_disable();
	out32(PORT_EXIT, vm_end);
	out16(Q35_PM1_CONTROL, PM1_SLEEP_OFF);
	__asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt));
	cpu_stop();
}
