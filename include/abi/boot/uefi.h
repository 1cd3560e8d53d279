/* SPDX-License-Identifier: BSD-2-Clause */
/* What a loader needs of UEFI 2.10, x86-64: §4.3 system table, §4.4 boot services, §7.2 memory. */
#pragma once
#include <stdint.h>

#define UEFI_API __attribute__((ms_abi))

typedef uint64_t uefi_status;

#define UEFI_SUCCESS          0ull
#define UEFI_ERROR(n)         (1ull << 63 | (n))
#define UEFI_LOAD_ERROR       UEFI_ERROR(1)
#define UEFI_BUFFER_TOO_SMALL UEFI_ERROR(5)

struct uefi_guid {
	uint32_t a;
	uint16_t b, c;
	uint8_t d[8];
};

#define UEFI_ACPI_20 \
	{ \
		0x8868e871, 0xe4f1, 0x11d3, \
		{ \
			0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 \
		} \
	}
#define UEFI_ACPI_10 \
	{ \
		0xeb9d2d30, 0x2d88, 0x11d3, \
		{ \
			0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d \
		} \
	}

struct uefi_configuration {
	struct uefi_guid guid;
	void *table;
};

struct uefi_text_output {
	void *reset;
	uefi_status(UEFI_API *output_string)(struct uefi_text_output *this, const uint16_t *text);
};

enum uefi_allocate_type { UEFI_ALLOCATE_ANY, UEFI_ALLOCATE_MAX_ADDRESS, UEFI_ALLOCATE_ADDRESS };

enum uefi_memory_type {
	UEFI_LOADER_CODE = 1,
	UEFI_LOADER_DATA = 2,
	UEFI_BOOT_SERVICES_CODE = 3,
	UEFI_BOOT_SERVICES_DATA = 4,
	UEFI_CONVENTIONAL = 7,
};

#define UEFI_PAGE 4096u

struct uefi_memory {
	uint32_t type; /* enum uefi_memory_type and others */
	uint32_t padding;
	uint64_t physical, virtual, nr_pages, attributes;
};

struct uefi_table_header {
	uint64_t signature;
	uint32_t revision, header_bytes, crc, reserved;
};

struct uefi_boot_services {
	struct uefi_table_header header;
	void *raise_tpl, *restore_tpl;
	uefi_status(UEFI_API *allocate_pages)(uint32_t type, uint32_t memory_type, uint64_t nr,
					      uint64_t *address);
	uefi_status(UEFI_API *free_pages)(uint64_t address, uint64_t nr);
	uefi_status(UEFI_API *get_memory_map)(uint64_t *bytes, void *map, uint64_t *key,
					      uint64_t *entry_bytes, uint32_t *version);
	void *to_exit[21]; /* from AllocatePool() to UnloadImage() */
	uefi_status(UEFI_API *exit_boot_services)(void *image, uint64_t key);
	void *get_next_monotonic_count, *stall;
	uefi_status(UEFI_API *set_watchdog_timer)(uint64_t seconds, uint64_t code, uint64_t bytes,
						  const uint16_t *data);
};

struct uefi_system_table {
	struct uefi_table_header header;
	const uint16_t *vendor;
	uint32_t revision, padding;
	void *console_in_handle, *console_in, *console_out_handle;
	struct uefi_text_output *console_out;
	void *standard_error_handle, *standard_error, *runtime_services;
	struct uefi_boot_services *boot_services;
	uint64_t nr_configurations;
	const struct uefi_configuration *configurations;
};
