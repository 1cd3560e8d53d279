/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that read an ELF file: elf_file.c opens and calls the others in this order. */
#pragma once
#include "scan/elf/elf_file.h"

int elf_dynamic_read(struct elf_file *file, struct scan_error *error);
int elf_relocs_read(struct elf_file *file, struct scan_error *error);
int elf_symtab_read(struct elf_file *file, struct scan_error *error);

/* Where the dynamic section says that things are: checked to be in the file, or 0 and NULL. */
struct elf_tables {
	const uint8_t *symtab, *versym, *rela, *jmprel, *relr;
	uint64_t rela_bytes, jmprel_bytes, relr_bytes;
	const char *strtab;
	uint64_t strtab_bytes;
	uint64_t symtab_vaddr, hash, gnu_hash, verdef, verneed;
	unsigned nr_verdef, nr_verneed;
};
int elf_tables_find(const struct elf_file *file, struct elf_tables *tables,
		    struct scan_error *error);
int elf_dynsyms_read(struct elf_file *file, const struct elf_tables *tables,
		     struct scan_error *error);
/* The symbol's fields, its name from a table of strings; name is "" when it lies outside. */
void elf_symbol_decode(struct elf_symbol *symbol, const uint8_t *bytes, const char *strings,
		       uint64_t strings_bytes);
int elf_refuse(const struct elf_file *file, struct scan_error *error, const char *why);
