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
		0, 8,  0, 0, 1,  0, 0,    0,                 /* enabled */
		0, 8,  1, 1, 0,  0, 0,    0,                 /* not */
		1, 12, 0, 0, 0,  0, 0xc1, 0xfe, 24, 0, 0, 0, /* an I/O APIC */
		0, 8,  2, 2, 1,  0, 0,    0,                 /* enabled */
		9, 16, 0, 0, 44, 1, 0,    0,    1,  0, 0, 0, 3, 0, 0, 0,
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
	assert_int_equal(info.nr_ioapics, 1);
	assert_int_equal(info.ioapics[0].base, 0xfec10000);
	assert_int_equal(info.ioapics[0].first_line, 24);
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
#define DSDT       0x3800u
#define FADT_BYTES 268u
#define AML_AT     (DSDT + HEADER + 3)

/* \\_S5 = Package { 5, 0 } behind some other bytes, as firmware writes it. */
static void write_power(bool is_reduced)
{
	static const uint8_t s5[] = { 8, '_', 'S', '5', '_', 0x12, 6, 4, 10, 5, 0, 0, 0 };

	write_all(true);
	memcpy(at(AML_AT), s5, sizeof(s5));
	seal(DSDT, "DSDT", HEADER + 64);
	put32(OTHER + 40, DSDT);
	put32(OTHER + 64, 0x604);
	put32(OTHER + 112, is_reduced ? 1u << 20 : 0);
	put32(OTHER + 248,
	      0xfea00200); /* the sleep control register: in memory, byte 0 of it is 0 */
	seal(OTHER, "FACP", FADT_BYTES);
}

static struct boot_power power_now(void)
{
	struct boot_info info = { .rsdp = RSDP };

	acpi_find_power(&info, MEMORY_BYTES);
	return info.power;
}

static void test_power(void **state)
{
	struct boot_power p;

	(void)state;
	write_power(false);
	p = power_now();
	assert_int_equal(p.pm1a_control, 0x604);
	assert_int_equal(p.sleep_type_a, 5);
	assert_int_equal(p.sleep_type_b, 0);
	assert_int_equal(p.sleep_register, 0);
	write_power(true);
	p = power_now();
	assert_int_equal(p.pm1a_control, 0);
	assert_int_equal(p.sleep_register, 0xfea00200);
	at(AML_AT)[2] = 's'; /* no such name, and then no right sum */
	assert_int_equal(power_now().sleep_register, 0);
	seal(DSDT, "DSDT", HEADER + 64);
	assert_int_equal(power_now().sleep_register, 0);
}

/* A name at the very end, with a package that would go on. */
static void test_cut_package(void **state)
{
	(void)state;
	for (uint32_t len = HEADER; len < HEADER + 16; len++) {
		write_power(false);
		seal(DSDT, "DSDT", len);
		(void)power_now();
	}
}

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

/*
 * OperationRegion(DBG_, SystemIO, 0x402, 1) Mutex(MTX_, 0) Scope(\_SB) { Method(_INI) { Noop }
 * Device(VR00) { Name(_HID, "LNRO0005") Name(_STA, 0x0f) Name(_CRS, ResourceTemplate() {
 * Memory32Fixed(ReadWrite, 0xfeb00e00, 0x200) Interrupt(..., 47) }) } }
 */
static const uint8_t microvm[] = {
	0x5b, 0x80, 'D',  'B', 'G',  '_',  1,    0x0b, 0x02, 0x04, 0x01, 0x5b, 0x01, 'M',
	'T',  'X',  '_',  0,   0x10, 0x4c, 0x04, '\\', '_',  'S',  'B',  '_',  0x14, 0x07,
	'_',  'I',  'N',  'I', 0,    0xa3, 0x5b, 0x82, 0x3b, 'V',  'R',  '0',  '0',  0x08,
	'_',  'H',  'I',  'D', 0x0d, 'L',  'N',  'R',  'O',  '0',  '0',  '0',  '5',  0,
	0x08, '_',  'S',  'T', 'A',  0x0a, 0x0f, 0x08, '_',  'C',  'R',  'S',  0x11, 0x1a,
	0x0a, 0x17, 0x86, 9,   0,    1,    0x00, 0x0e, 0xb0, 0xfe, 0x00, 0x02, 0,    0,
	0x89, 6,    0,    1,   1,    47,   0,    0,    0,    0x79, 0,
};

#define HID_AT   46 /* the string's opcode */
#define STA_AT   62 /* the number */
#define HARDWARE (MEMORY_BYTES - HEADER - sizeof(microvm))

/* At the very end of memory: no page is behind it. */
static uint32_t write_microvm(void)
{
	write_all(true);
	memcpy(at(HARDWARE + HEADER), microvm, sizeof(microvm));
	put32(OTHER + 40, HARDWARE);
	seal(OTHER, "FACP", FADT_BYTES);
	seal(HARDWARE, "DSDT", HEADER + sizeof(microvm));
	return HARDWARE + HEADER;
}

static struct boot_info devices_now(void)
{
	struct boot_info info = { .rsdp = RSDP };

	acpi_find_devices(&info, MEMORY_BYTES + HEADER); /* table_at() leaves so much out */
	return info;
}

static void test_devices_are_found(void **state)
{
	struct boot_info info;

	(void)state;
	write_microvm();
	info = devices_now();
	assert_int_equal(info.nr_devices, 1);
	assert_int_equal(info.devices[0].base, 0xfeb00e00);
	assert_int_equal(info.devices[0].size_bytes, 0x200);
	assert_int_equal(info.devices[0].irq, 47);
	acpi_find_devices(&info, MEMORY_BYTES + HEADER);
	assert_int_equal(info.nr_devices, 1); /* it is known already */
}

static void test_devices_that_are_none(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = { { HID_AT + 8, '6' }, { HID_AT, 0x0a }, { STA_AT, 0x0e }, { 19, 0x41 } };

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		uint32_t body = write_microvm();

		at(body)[changes[i].at] = changes[i].value;
		seal(HARDWARE, "DSDT", HEADER + sizeof(microvm));
		assert_int_equal(devices_now().nr_devices, 0);
	}
}

static void test_random_namespaces(void **state)
{
	(void)state;
	srand(2);
	for (int round = 0; round < 20000; round++) {
		uint32_t body = write_microvm();

		for (int n = rand() % 4; n >= 0; n--)
			at(body)[(size_t)rand() % sizeof(microvm)] = (uint8_t)rand();
		seal(HARDWARE, "DSDT", HEADER + sizeof(microvm) - (uint32_t)rand() % 3);
		assert_true(devices_now().nr_devices <= BOOT_MAX_DEVICES);
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
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_cut_package),
		cmocka_unit_test(test_random_tables),
		cmocka_unit_test(test_devices_are_found),
		cmocka_unit_test(test_devices_that_are_none),
		cmocka_unit_test(test_random_namespaces),
	};

	return cmocka_run_group_tests(tests, map_memory, NULL);
}
