/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH's start information as boot loaders make it: memory in many pieces, devices in a command line
 * of any contents. What direct_main() is handed is looked at; physical memory is a few pages.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/boot/pvh.h"
#include "abi/hull/boot.h"
#include "arch/mmu.h"
#include "boot/acpi.h"
#include "boot/cpus.h"
#include "boot/direct.h"
#include "boot/payload.h"
#include "boot/soft_kvm.h"
#include "core/platform.h"
#include "lib/string.h"
#include "test/host/cmocka_all.h"

#define MEMORY_BYTES 0x8000u
#define START        0x1000u
#define MODULE       0x1800u
#define LINE         0x2000u
#define MAP          0x4000u
#define PIECES_MAX   400u
#define PIECES_TAKEN 60u /* as the message says */
#define MIB          (1ull << 20)

NORETURN void pvh_main(paddr_t start_paddr);

static jmp_buf handed_over;
static struct boot_info got;
static unsigned nr_messages, nr_cpus;

/* ---- what pvh.c calls ---- */

void direct_main(paddr_t info_paddr)
{
	struct boot_info *info = paddr_to_ptr(info_paddr);

	got = *info;
	memset(info, 0, sizeof(*info)); /* for the next time */
	longjmp(handed_over, 1);
}

void direct_refuse(const char *text)
{
	fail_msg("refused: %s", text);
	abort();
}

paddr_t ptr_to_paddr(const void *ptr)
{
	return (paddr_t)(uintptr_t)ptr - DIRECT_MAP_BASE;
}

void platform_debug_write(const char *text, size_t len)
{
	assert_non_null(memmem(text, len, "more than 60 pieces", 19));
	nr_messages++;
}

size_t string_copy(char *dst, const char *src, size_t size)
{
	size_t len = strnlen(src, size - 1);

	memcpy(dst, src, len);
	dst[len] = '\0';
	return len;
}

const char *payload_find(struct boot_info *info, uint64_t limit)
{
	(void)info, (void)limit;
	return NULL;
}

void acpi_find_power(struct boot_info *info, paddr_t mapped_limit)
{
	(void)info, (void)mapped_limit;
}

void acpi_find_devices(struct boot_info *info, paddr_t mapped_limit)
{
	(void)info, (void)mapped_limit;
}

void cpus_find(struct boot_info *info, paddr_t mapped_limit)
{
	(void)mapped_limit;
	info->nr_cpus = nr_cpus;
}

void soft_kvm_enter(struct boot_info *info)
{
	(void)info;
}

/* ---- a loader ---- */

static struct pvh_start_info *start_info(void)
{
	return paddr_to_ptr(START);
}

static struct pvh_memory *map(void)
{
	return paddr_to_ptr(MAP);
}

static int prepare(void **state)
{
	(void)state;
	memset(paddr_to_ptr(0), 0, MEMORY_BYTES);
	*start_info() = (struct pvh_start_info){
		.magic = PVH_START_MAGIC,
		.version = 1,
		.memmap_paddr = MAP,
	};
	nr_messages = 0;
	nr_cpus = 1;
	return 0;
}

static void add_piece(uint64_t base, uint64_t size, uint32_t type)
{
	map()[start_info()->memmap_entries++] = (struct pvh_memory){ base, size, type, 0 };
}

static void boot(void)
{
	if (setjmp(handed_over) == 0)
		pvh_main(START);
	assert_int_equal(got.magic, BOOT_INFO_MAGIC);
}

/* ---- memory ---- */

static int by_size(const void *a, const void *b)
{
	const struct boot_memory *x = a, *y = b;

	return (x->size_bytes < y->size_bytes) - (x->size_bytes > y->size_bytes);
}

/* So many pieces of different sizes, each behind a hole that is reserved, in any order. */
static void add_pieces(struct boot_memory *ram, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		ram[i] = (struct boot_memory){ .size_bytes = (i + 1) * 4096ull };
	for (unsigned i = 0; i < nr; i++) {
		unsigned other = (unsigned)rand() % nr;
		struct boot_memory kept = ram[i];

		ram[i] = ram[other];
		ram[other] = kept;
	}
	for (unsigned i = 0; i < nr; i++) {
		ram[i].base = (i + 1) * 4 * MIB;
		add_piece(ram[i].base, ram[i].size_bytes, 1);
		if (i % 3 == 0)
			add_piece(ram[i].base + 2 * MIB, MIB, 2);
	}
}

static void test_the_largest_pieces_are_taken(void **state)
{
	static struct boot_memory ram[PIECES_MAX];

	for (unsigned nr = 1; nr <= PIECES_MAX; nr += nr < 70 ? 1 : 47) {
		unsigned expected = min(nr, PIECES_TAKEN);

		prepare(state);
		add_pieces(ram, nr);
		boot();
		assert_int_equal(nr_messages, nr > PIECES_TAKEN);
		assert_int_equal(got.nr_memory, expected);
		qsort(ram, nr, sizeof(*ram), by_size);
		qsort(got.memory, got.nr_memory, sizeof(*ram), by_size);
		for (unsigned i = 0; i < expected; i++) {
			assert_int_equal(got.memory[i].type, BOOT_MEMORY_RAM);
			assert_int_equal(got.memory[i].base, ram[i].base);
			assert_int_equal(got.memory[i].size_bytes, ram[i].size_bytes);
		}
	}
}

static const struct boot_memory *find(uint64_t base, uint32_t type)
{
	for (unsigned i = 0; i < got.nr_memory; i++)
		if (got.memory[i].base == base && got.memory[i].type == type)
			return &got.memory[i];
	return NULL;
}

/* However many pieces there are, what must be kept has its place. */
static void test_reserved_ranges_have_room(void **state)
{
	static struct boot_memory ram[PIECES_MAX];
	const struct boot_memory *m;

	(void)state;
	add_pieces(ram, PIECES_MAX / 2);
	add_piece(0, 0x9fc00, 1);
	nr_cpus = 2;
	start_info()->nr_modules = 1;
	start_info()->modlist_paddr = MODULE;
	*(struct pvh_module *)paddr_to_ptr(MODULE) = (struct pvh_module){ .paddr = 5 * MIB,
									  .size = 777 };
	boot();
	assert_int_equal(got.launch, 5 * MIB);
	assert_int_equal(got.launch_bytes, 777);
	m = find(5 * MIB, BOOT_MEMORY_RESERVED);
	assert_non_null(m);
	assert_int_equal(m->size_bytes, 777);
	assert_true(got.trampoline > 0 && got.trampoline + BOOT_TRAMPOLINE_BYTES <= 0x9f000);
	assert_non_null(find(got.trampoline, BOOT_MEMORY_RESERVED));
	assert_true(got.nr_memory < BOOT_MAX_MEMORY);
}

static void test_another_loader_says_nothing(void **state)
{
	(void)state;
	add_piece(MIB, MIB, 1);
	start_info()->version = 0; /* it has no map */
	boot();
	assert_int_equal(got.nr_memory, 0);
	start_info()->version = 1;
	start_info()->magic++;
	boot();
	assert_int_equal(got.nr_memory, 0);
}

/* ---- the command line ---- */

static void boot_with(const char *line)
{
	start_info()->cmdline_paddr = LINE;
	strcpy(paddr_to_ptr(LINE), line);
	boot();
}

static void test_devices_of_the_command_line(void **state)
{
	(void)state;
	boot_with("earlyprintk=ttyS0 virtio_mmio.device=512@0xfeb00e00:12 "
		  "virtio_mmio.device=4K@0xd0000000:5:1 virtio_mmio.device=1m@4096:0x10");
	assert_int_equal(got.nr_devices, 3);
	assert_int_equal(got.devices[0].base, 0xfeb00e00);
	assert_int_equal(got.devices[0].size_bytes, 512);
	assert_int_equal(got.devices[0].irq, 12);
	assert_int_equal(got.devices[1].size_bytes, 4096);
	assert_int_equal(got.devices[1].base, 0xd0000000);
	assert_int_equal(got.devices[1].irq, 5);
	assert_int_equal(got.devices[2].size_bytes, MIB);
	assert_int_equal(got.devices[2].base, 4096);
	assert_int_equal(got.devices[2].irq, 16);
}

static void test_devices_that_are_none(void **state)
{
	static const char *const lines[] = {
		"",
		"virtio_mmio.device=",
		"virtio_mmio.device=512",
		"virtio_mmio.device=512@",
		"virtio_mmio.device=512@0xd0000000",
		"virtio_mmio.device=512:0xd0000000@5",
		"virtio_mmio.devices=512@0xd0000000:5",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		boot_with(lines[i]);
		assert_int_equal(got.nr_devices, 0);
	}
}

/* More than there is room for, and a line without an end. */
static void test_too_many_devices(void **state)
{
	char *line = paddr_to_ptr(LINE);
	size_t at = 0;

	(void)state;
	while (at < MAP - LINE - 40)
		at += (size_t)sprintf(line + at, "virtio_mmio.device=1K@0x%zx:7 ", at);
	memset(line + at, '9', MAP - LINE - at);
	start_info()->cmdline_paddr = LINE;
	boot();
	assert_int_equal(got.nr_devices, BOOT_MAX_DEVICES);
	assert_int_equal(got.devices[BOOT_MAX_DEVICES - 1].irq, 7);
}

static void test_random_lines(void **state)
{
	static const char pieces[][24] = {
		"virtio_mmio.device=", "512", "0x", "@", ":", "K", "fff", " ",
		"99999999999999999999"
	};
	char *line = paddr_to_ptr(LINE);

	start_info()->cmdline_paddr = LINE;
	for (unsigned round = 0; round < 5000; round++) {
		prepare(state);
		start_info()->cmdline_paddr = LINE;
		for (unsigned i = 0; i < 40; i++)
			strcat(line, pieces[(unsigned)rand() % ARRAY_SIZE(pieces)]);
		boot();
		assert_true(got.nr_devices <= BOOT_MAX_DEVICES);
	}
}

static int map_memory(void **state)
{
	void *at = paddr_to_ptr(0);

	(void)state;
	srand(1);
	return mmap(at, MEMORY_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at
		       ? 0
		       : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_largest_pieces_are_taken, prepare),
		cmocka_unit_test_setup(test_reserved_ranges_have_room, prepare),
		cmocka_unit_test_setup(test_another_loader_says_nothing, prepare),
		cmocka_unit_test_setup(test_devices_of_the_command_line, prepare),
		cmocka_unit_test_setup(test_devices_that_are_none, prepare),
		cmocka_unit_test_setup(test_too_many_devices, prepare),
		cmocka_unit_test_setup(test_random_lines, prepare),
	};

	return cmocka_run_group_tests(tests, map_memory, NULL);
}
