/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI's tables as a firmware makes them, and as it should not. Physical memory is a few pages. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/mmu.h"
#include "boot/acpi.h"
#include "boot/cpus.h"
#include "test/host/cmocka_all.h"

#define MEMORY_BYTES 0x4000u
#define RSDP         0x1000u
#define ROOT         0x2000u
#define OTHER        0x2800u
#define MADT         0x3000u
#define HEADER       36u

void cpus_add(struct boot_info *info, uint32_t apic_id)
{
	if (info->nr_cpus < BOOT_MAX_CPUS)
		info->cpu_apic_ids[info->nr_cpus++] = apic_id;
}

static uint8_t *at(uint32_t pa)
{
	return paddr_to_ptr(pa);
}

static void put32(uint32_t pa, uint32_t value)
{
	memcpy(at(pa), &value, sizeof(value));
}

/* Length and sum of a table whose body is written. */
static void seal(uint32_t pa, const char *signature, uint32_t length)
{
	uint8_t sum = 0;

	memcpy(at(pa), signature, 4);
	put32(pa + 4, length);
	at(pa)[9] = 0;
	for (uint32_t i = 0; i < length; i++)
		sum += at(pa)[i];
	at(pa)[9] = (uint8_t)-sum;
}

/* CPUs 0 and 2 enabled, 1 not, 300 by the long form. */
static uint32_t write_madt(void)
{
	static const uint8_t entries[] = {
		0, 8,  0, 0, 1,  0, 0, 0,             /* enabled */
		0, 8,  1, 1, 0,  0, 0, 0,             /* not */
		1, 12, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, /* an I/O APIC */
		0, 8,  2, 2, 1,  0, 0, 0,             /* enabled */
		9, 16, 0, 0, 44, 1, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0,
	};

	memcpy(at(MADT + HEADER + 8), entries, sizeof(entries));
	seal(MADT, "APIC", HEADER + 8 + sizeof(entries));
	return HEADER + 8 + sizeof(entries);
}

static void write_all(bool is_xsdt)
{
	memset(at(0), 0, MEMORY_BYTES);
	write_madt();
	seal(OTHER, "FACP", HEADER);
	put32(ROOT + HEADER, OTHER);
	put32(ROOT + HEADER + (is_xsdt ? 8 : 4), MADT);
	seal(ROOT, is_xsdt ? "XSDT" : "RSDT", HEADER + (is_xsdt ? 16 : 8));
	memcpy(at(RSDP), "RSD PTR ", 8);
	at(RSDP)[15] = is_xsdt ? 2 : 0;
	put32(RSDP + (is_xsdt ? 24 : 16), ROOT);
}

static void expect_cpus(void)
{
	struct boot_info info = { .rsdp = RSDP };

	assert_true(acpi_find_cpus(&info, MEMORY_BYTES));
	assert_int_equal(info.nr_cpus, 3);
	assert_int_equal(info.cpu_apic_ids[0], 0);
	assert_int_equal(info.cpu_apic_ids[1], 2);
	assert_int_equal(info.cpu_apic_ids[2], 300);
}

static void expect_none(uint64_t rsdp)
{
	struct boot_info info = { .rsdp = rsdp };

	assert_false(acpi_find_cpus(&info, MEMORY_BYTES));
	assert_int_equal(info.nr_cpus, 0);
}

static void test_enabled_cpus_are_found(void **state)
{
	(void)state;
	write_all(false);
	expect_cpus();
	write_all(true);
	expect_cpus();
}

static void test_no_tables(void **state)
{
	(void)state;
	write_all(true);
	expect_none(0);
	expect_none(MEMORY_BYTES - 1);
	expect_none(UINT64_MAX);
	at(RSDP)[0] = 'X';
	expect_none(RSDP);
}

static void test_damaged_tables(void **state)
{
	(void)state;
	write_all(true);
	at(MADT)[HEADER]++; /* the sum is wrong */
	expect_none(RSDP);
	write_all(true);
	put32(MADT + 4, MEMORY_BYTES);
	expect_none(RSDP);
	write_all(false);
	put32(RSDP + 16, MEMORY_BYTES - 4);
	expect_none(RSDP);
	write_all(true);
	seal(ROOT, "XSDT", HEADER + 7); /* no whole entry */
	expect_none(RSDP);
}

static void test_entry_of_length_zero_ends_the_list(void **state)
{
	struct boot_info info = { .rsdp = RSDP };
	uint32_t len;

	(void)state;
	write_all(true);
	len = write_madt();
	at(MADT + HEADER + 8)[9] = 0;
	seal(MADT, "APIC", len);
	assert_true(acpi_find_cpus(&info, MEMORY_BYTES));
	assert_int_equal(info.nr_cpus, 1);
}

/* Any bytes with a right sum: nothing outside of memory is read, for no page is there. */
static void test_random_tables(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		struct boot_info info = { .rsdp = RSDP };
		uint32_t len = HEADER + (uint32_t)rand() % (MEMORY_BYTES - MADT - HEADER);

		write_all(rand() % 2 != 0);
		for (uint32_t i = HEADER + 8; i < len; i++)
			at(MADT)[i] = (uint8_t)(rand() % 3 != 0 ? rand() % 20 : rand());
		seal(MADT, "APIC", len);
		if (rand() % 4 == 0)
			put32(ROOT + HEADER, (uint32_t)rand());
		info.nr_cpus = 0;
		(void)acpi_find_cpus(&info, MEMORY_BYTES);
	}
}

static int map_memory(void **state)
{
	(void)state;
	return mmap(at(0), MEMORY_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at(0)
		       ? 0
		       : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enabled_cpus_are_found),
		cmocka_unit_test(test_no_tables),
		cmocka_unit_test(test_damaged_tables),
		cmocka_unit_test(test_entry_of_length_zero_ends_the_list),
		cmocka_unit_test(test_random_tables),
	};

	return cmocka_run_group_tests(tests, map_memory, NULL);
}
