/* SPDX-License-Identifier: BSD-2-Clause */
/* PE32+ headers ("Microsoft PE Format"), as far as a section is added to an application. */
#pragma once
#include <stdint.h>

#define PE_OFFSET_AT 0x3c /* in the file: where the PE header is */

struct pe_optional_header {
	uint16_t magic;
	uint8_t linker_version[2];
	uint32_t code_bytes, data_bytes, zero_bytes, entry, code_at;
	uint64_t image_base;
	uint32_t section_alignment, file_alignment;
	uint16_t versions[6];
	uint32_t zero, image_bytes, header_bytes, checksum;
} __attribute__((packed)); /* and more */

struct pe_header {
	uint32_t signature;
	uint16_t machine, nr_sections;
	uint32_t time, symbols_at, nr_symbols;
	uint16_t optional_bytes, characteristics;
	struct pe_optional_header optional;
} __attribute__((packed));

struct pe_section {
	char name[8];
	uint32_t memory_bytes, address, file_bytes, file_at;
	uint32_t relocations[3], characteristics;
} __attribute__((packed));
