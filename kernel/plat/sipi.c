/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPU that gets INIT and STARTUP begins in real mode at a page below 1 MiB. The boot protocol has
 * set aside BOOT_TRAMPOLINE_BYTES there for it:
 *
 *	page 0		sipi.S's code and data
 *	pages 1 to 3	tables: the kernel's upper half, and the first 2 MiB where they are
 *
 * One CPU is started at a time: `wanted` is set before STARTUP, and the CPU that finds it set
 * clears it once it has read the fields. If none does for long, `wanted` is taken back, so that a
 * CPU that comes later stops, and no further CPU is tried: it could not be told from the late one.
 *
 * One INIT, for it resets a CPU whatever that does: where the host lets the CPUs of a VM run when
 * it likes, one that seemed not to come may have come since the last look, and run threads. A
 * STARTUP means nothing to a CPU that does not wait for it, so it is said again: at once, after the
 * 200 us and after the 10 ms that the Intel SDM 3A §8.4.4.1 asks for. The first is enough for every
 * processor of this century and for emulators.
 */
#include "plat/sipi.h"

#include "abi/hull/boot.h"
#include "abi/hull/cpu_start.h"
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "arch/x86_64/pte.h"
#include "arch/x86_64/x86.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/time/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "plat/lapic.h"

/* After each STARTUP. */
static const nsec_t patience[] = { 200 * 1000, 10 * 1000 * 1000, 10 * NSEC_PER_SEC };

struct sipi_data { /* sipi.S */
	uint64_t kernel_root, entry, stack, argument, flag_page;
	uint32_t root, wanted, cr4;
	struct {
		uint16_t gdt_limit;
		uint32_t gdt_base;
		uint32_t far32;
		uint16_t far32_selector;
		uint32_t far64;
		uint16_t far64_selector;
	} PACKED cpu_reads;
};

extern const uint8_t sipi_begin[], sipi_end[], sipi_data[];

static paddr_t page;           /* [I] 0: CPUs cannot be started */
static struct sipi_data *data; /* of the copy; one caller at a time */
static bool given_up;

static void fill_tables(void)
{
	uint64_t *tables = paddr_to_ptr(page + PAGE_SIZE);
	uint64_t *top = tables, *third = tables + 512, *second = tables + 1024;

	memset(tables, 0, 3 * PAGE_SIZE);
	memcpy(top + 256, mmu_kernel_root + 256, 256 * sizeof(*top));
	top[0] = ptr_to_paddr(third) | PTE_TABLE;
	third[0] = ptr_to_paddr(second) | PTE_TABLE;
	second[0] = pte_make(0, MMU_READ | MMU_WRITE | MMU_EXEC) | PTE_LARGE;
}

void sipi_init(const struct boot_info *info)
{
	if (info->trampoline == 0)
		return;
	page = info->trampoline;
	assert(sipi_end - sipi_data == sizeof(struct sipi_data));
	memcpy(paddr_to_ptr(page), sipi_begin, (size_t)(sipi_end - sipi_begin));
	fill_tables();
	data = (void *)((uint8_t *)paddr_to_ptr(page) + (sipi_data - sipi_begin));
	data->root = (uint32_t)page + PAGE_SIZE;
	data->cr4 = (uint32_t)read_cr4();
	data->cpu_reads.gdt_base += (uint32_t)page;
	data->cpu_reads.far32 += (uint32_t)page;
	data->cpu_reads.far64 += (uint32_t)page;
}

static bool is_taken(void)
{
	return __atomic_load_n(&data->wanted, __ATOMIC_ACQUIRE) == 0;
}

static bool wait_taken(nsec_t ns)
{
	nsec_t end = clock_monotonic() + ns;

	while (!is_taken()) {
		if (clock_monotonic() >= end)
			return false;
		cpu_relax();
	}
	return true;
}

static bool call(unsigned cpu)
{
	lapic_send_init(cpu);
	for (unsigned i = 0; i < ARRAY_SIZE(patience); i++) {
		lapic_send_startup(cpu, page);
		if (wait_taken(patience[i]))
			return true;
	}
	return false;
}

int sipi_start_cpu(const struct cpu_start *how)
{
	if (page == 0 || given_up || !lapic_reaches(how->cpu))
		return -ENODEV;
	data->kernel_root = how->root;
	data->entry = how->entry;
	data->stack = how->stack;
	data->argument = how->argument;
	data->flag_page = how->flag_page;
	__atomic_store_n(&data->wanted, 1, __ATOMIC_RELEASE);
	if (call(how->cpu) || __atomic_exchange_n(&data->wanted, 0, __ATOMIC_ACQ_REL) == 0)
		return 0;
	given_up = true;
	log_warn("pc: CPU %u does not start, and no further one is tried", how->cpu);
	return -ENODEV;
}
