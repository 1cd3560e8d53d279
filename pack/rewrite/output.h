/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One segment more for an ELF file (gABI 4.1, chapters 4 and 5).
 *
 *	the file as it was		with its header changed, and PT_PHDR
 *	fill up to the segment
 *	struct door_note		PT_NOTE
 *	program headers			all that were there, PT_LOAD and PT_NOTE
 *	code				entry check, stubs
 *	fill
 *	section names, section headers	where the file had them: not loaded
 *
 * The segment lies behind all others in memory, as PT_LOADs are in order of address. Where it can,
 * the distance from the file's beginning is the same in file and memory: musl's ld.so takes e_phoff
 * for an address.
 */
#pragma once
#include <elf.h>

#include "abi/hull/door.h"
#include "pack/failure.h"
#include "scan/elf/elf_file.h"

struct output {
	const struct elf_file *file;
	Elf64_Ehdr header; /* the file's own */
	uint64_t offset;   /* of the segment, in the file */
	uint64_t address;  /* and in memory */
	uint64_t code;     /* address of the code */
};

/* Chooses where the segment goes. -1: the file cannot have one. */
int output_place(struct output *out, const struct elf_file *file, struct failure *failure);
/*
 * Writes the file with `code` at out->code and e_entry = entry into *bytes, malloc()ed. -1: no
 * memory.
 */
struct output_code {
	const uint8_t *bytes;
	size_t len_bytes;
	uint64_t entry;
	struct door_note note;
};
int output_write(const struct output *out, const struct output_code *code, uint8_t **bytes,
		 size_t *len_bytes);
