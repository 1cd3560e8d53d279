/* SPDX-License-Identifier: BSD-2-Clause */
/* Two windows: an index register and a data register. */
#include "plat/ioapic.h"

#include "core/panic.h"
#include "core/spinlock.h"
#include "mm/kmem.h"

#define IOAPIC_BASE    0xfec00000ull
#define IOAPIC_SIZE    4096
#define WINDOW_INDEX   (0x00 / 4)
#define WINDOW_DATA    (0x10 / 4)
#define REDIRECTION(n) (0x10 + 2 * (n))
#define ENTRY_LEVEL    (1u << 15)
#define ENTRY_MASKED   (1u << 16)

static volatile uint32_t *windows; /* [I] */
static struct spinlock lock;       /* the two windows belong together */

static void reg_write(unsigned reg, uint32_t value)
{
	windows[WINDOW_INDEX] = reg;
	windows[WINDOW_DATA] = value;
}

void ioapic_init(void)
{
	windows = kmem_map_device(IOAPIC_BASE, IOAPIC_SIZE);
	if (!windows)
		panic("too little memory to map the I/O APIC");
	for (unsigned i = 0; i < IOAPIC_INPUTS; i++)
		ioapic_disable(i);
}

void ioapic_enable(unsigned input, uint8_t vector, uint32_t apic_id)
{
	scoped_spin(&lock);
	reg_write(REDIRECTION(input) + 1, apic_id << 24);
	reg_write(REDIRECTION(input), vector | ENTRY_LEVEL);
}

void ioapic_disable(unsigned input)
{
	scoped_spin(&lock);
	reg_write(REDIRECTION(input), ENTRY_MASKED);
}
