/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's last words, and its end. Words go to the debug port of abi/hull/ports.h if somebody
 * listens there, else to the UART, if that is in. Each way to end does nothing on a machine that
 * does not have it.
 */
#include "plat/ending.h"

#include "abi/hull/boot.h"
#include "abi/hull/ports.h"
#include "arch/cpu.h"
#include "arch/x86_64/x86.h"
#include "core/platform.h"
#include "mm/alloc/kmem.h"
#include "plat/uart.h"

#define PM1_SLEEP(type)     (0x2000u | (unsigned)(type) << 10) /* SLP_EN, SLP_TYP */
#define REDUCED_SLEEP(type) (0x20u | (unsigned)(type) << 2)
#define BOCHS_SHUTDOWN      0x8900
#define KEYBOARD_COMMAND    0x64
#define KEYBOARD_RESET      0xfe

OPTIONAL(uart_write);

static struct boot_power power;
static volatile uint8_t *sleep_register;

/* Asked at the first word, which most machines never say: it is an exit. */
static bool has_debug_port(void)
{
	static enum { UNKNOWN, THERE, MISSING } port;

	if (port == UNKNOWN)
		port = in8(PORT_DEBUG) == PORT_DEBUG ? THERE : MISSING;
	return port == THERE;
}

void platform_debug_write(const char *text, size_t len)
{
	if (uart_write != NULL && !has_debug_port())
		uart_write(text, len);
	else
		__asm__ volatile("rep outsb" : "+S"(text), "+c"(len) : "d"(PORT_DEBUG) : "memory");
}

void ending_init(const struct boot_power *from)
{
	power = *from;
	if (power.sleep_register != 0)
		sleep_register = kmem_map_device(power.sleep_register, 1);
}

static void acpi_off(void)
{
	if (power.pm1a_control != 0)
		out16(power.pm1a_control, PM1_SLEEP(power.sleep_type_a));
	if (power.pm1b_control != 0)
		out16(power.pm1b_control, PM1_SLEEP(power.sleep_type_b));
	if (sleep_register != NULL)
		*sleep_register = REDUCED_SLEEP(power.sleep_type_a);
}

static void bochs_off(void)
{
	for (const char *at = "Shutdown"; *at != '\0'; at++)
		out8(BOCHS_SHUTDOWN, (uint8_t)*at);
}

void ending_end(unsigned vm_end)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} PACKED no_idt = { 0, 0 };

	cpu_irq_disable();
	out32(PORT_EXIT, vm_end);
	acpi_off();
	bochs_off();
	out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
	__asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt));
	cpu_stop();
}
