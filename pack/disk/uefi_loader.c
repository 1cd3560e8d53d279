/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UEFI loader (kernel/boot/uefi) is a PE file whose last section, .hull, is
 * empty: the package goes behind the file, and its place into that section's
 * header.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/disk/pe.h"
#include "lib/compiler.h"
#include "pack/disk/loaders.h"

__asm__(".section .rodata.uefi_loader, \"a\", @progbits\n"
	".balign 16\n"
	".globl uefi_loader_begin, uefi_loader_end\n"
	".hidden uefi_loader_begin, uefi_loader_end\n"
	"uefi_loader_begin: .incbin \"" HULL_UEFI_LOADER "\"\n"
	"uefi_loader_end:\n"
	".previous\n");

extern const uint8_t uefi_loader_begin[], uefi_loader_end[];

uint32_t loader_uefi_bytes(void)
{
	return (uint32_t)(uefi_loader_end - uefi_loader_begin);
}

static void add_section(uint8_t *file, uint32_t package_at, uint32_t package_bytes)
{
	struct pe_section *section;
	struct pe_header *pe;
	uint32_t at;

	memcpy(&at, file + PE_OFFSET_AT, sizeof(at));
	pe = (struct pe_header *)(file + at);
	section = (struct pe_section *)((uint8_t *)&pe->optional + pe->optional_bytes);
	section += pe->nr_sections - 1;
	section->memory_bytes = package_bytes;
	section->file_bytes = align_up(package_bytes, pe->optional.file_alignment);
	section->file_at = package_at;
	pe->optional.image_bytes = align_up(section->address + package_bytes,
					    pe->optional.section_alignment);
	pe->optional.data_bytes += section->file_bytes;
}

int loader_uefi_make(const struct disk_bytes *package, struct disk_bytes *application,
		     uint32_t *package_offset, struct failure *failure)
{
	uint32_t bytes = loader_uefi_bytes(); /* a multiple of 512, as the section's bytes are */

	application->len = bytes + align_up(package->len, (size_t)512);
	application->at = calloc(1, application->len);
	if (!application->at)
		return failure_set(failure, "too little memory to make the UEFI application");
	memcpy(application->at, uefi_loader_begin, bytes);
	memcpy(application->at + bytes, package->at, package->len);
	add_section(application->at, bytes, (uint32_t)package->len);
	*package_offset = bytes;
	return 0;
}
