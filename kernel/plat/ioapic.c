/* SPDX-License-Identifier: BSD-2-Clause */
/* Two windows each: an index register and a data register. */
#include "plat/ioapic.h"

#include "abi/hull/boot.h"
#include "core/panic.h"
#include "core/sync/spinlock.h"
#include "mm/alloc/kmem.h"

#define IOAPIC_BASE     0xfec00000ull /* where there are no tables */
#define IOAPIC_SIZE     4096
#define WINDOW_INDEX    (0x00 / 4)
#define WINDOW_DATA     (0x10 / 4)
#define VERSION         0x01
#define VERSION_LAST(v) ((v) >> 16 & 0xff) /* its last input */
#define REDIRECTION(n)  (0x10 + 2 * (n))
#define ENTRY_LEVEL     (1u << 15)
#define ENTRY_MASKED    (1u << 16)

static struct ioapic {
	volatile uint32_t *windows; /* [I] they belong together: [lock] */
	unsigned first_line, nr;    /* [I] */
} ioapics[BOOT_MAX_IOAPICS];

static unsigned nr_ioapics; /* [I] */
static struct spinlock lock;

static void reg_write(struct ioapic *a, unsigned reg, uint32_t value)
{
	a->windows[WINDOW_INDEX] = reg;
	a->windows[WINDOW_DATA] = value;
}

static void add(paddr_t base, unsigned first_line)
{
	struct ioapic *a = &ioapics[nr_ioapics++];

	a->windows = kmem_map_device(base, IOAPIC_SIZE);
	if (!a->windows)
		panic("too little memory to map the I/O APIC");
	a->first_line = first_line;
	a->windows[WINDOW_INDEX] = VERSION;
	a->nr = VERSION_LAST(a->windows[WINDOW_DATA]) + 1;
	for (unsigned i = 0; i < a->nr; i++)
		reg_write(a, REDIRECTION(i), ENTRY_MASKED);
}

void ioapic_init(const struct boot_info *info)
{
	for (unsigned i = 0; i < info->nr_ioapics && i < BOOT_MAX_IOAPICS; i++)
		add(info->ioapics[i].base, info->ioapics[i].first_line);
	if (nr_ioapics == 0)
		add(IOAPIC_BASE, 0);
}

/* The one that has the line, and which of its inputs it is; NULL: none. */
static struct ioapic *find(unsigned line, unsigned *input)
{
	for (unsigned i = 0; i < nr_ioapics; i++) {
		struct ioapic *a = &ioapics[i];

		if (line >= a->first_line && line - a->first_line < a->nr) {
			*input = line - a->first_line;
			return a;
		}
	}
	return NULL;
}

void ioapic_enable(unsigned line, uint8_t vector, uint32_t apic_id)
{
	unsigned input;
	struct ioapic *a = find(line, &input);

	if (a == NULL)
		return;
	scoped_spin(&lock);
	reg_write(a, REDIRECTION(input) + 1, apic_id << 24);
	reg_write(a, REDIRECTION(input), vector | ENTRY_LEVEL);
}

void ioapic_disable(unsigned line)
{
	unsigned input;
	struct ioapic *a = find(line, &input);

	if (a == NULL)
		return;
	scoped_spin(&lock);
	reg_write(a, REDIRECTION(input), ENTRY_MASKED);
}
