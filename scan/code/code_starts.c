/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where functions begin and end, by the tables of the file: symbols, Go's pclntab
 * (src/internal/abi, runtime/symtab.go: versions 1.2, 1.16, 1.18, 1.20), and .eh_frame.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/code/code_build.h"

int code_starts_add(struct code_starts *starts, const struct code_start *start)
{
	if (starts->nr == starts->room) {
		const size_t room = starts->room ? starts->room * 2 : 1024;
		struct code_start *new = realloc(starts->starts, room * sizeof(*new));

		if (!new)
			return -ENOMEM;
		starts->starts = new;
		starts->room = room;
	}
	starts->starts[starts->nr++] = *start;
	return 0;
}

static int add_symbols(const struct elf_file *file, const struct elf_symbol *symbols, unsigned nr,
		       struct code_starts *starts)
{
	int err = 0;

	for (unsigned i = 0; i < nr && err == 0; i++) {
		const struct elf_symbol *symbol = &symbols[i];
		const bool is_function = symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC;
		uint64_t end = symbol->value + symbol->size;

		if (!symbol->defined || !code_contains(file, symbol->value))
			continue;
		if (!is_function && !(symbol->type == STT_NOTYPE && symbol->binding == STB_GLOBAL))
			continue;
		if (end < symbol->value || end > ELF_FILE_MAX_VADDR)
			end = 0;
		err = code_starts_add(starts,
				      &(struct code_start){ .start = (uint32_t)symbol->value,
							    .end = symbol->size ? (uint32_t)end : 0,
							    .name = symbol->name });
	}
	return err;
}

static int add_address(const struct elf_file *file, uint64_t vaddr, struct code_starts *starts)
{
	if (!vaddr || !code_contains(file, vaddr))
		return 0;
	return code_starts_add(starts, &(struct code_start){ .start = (uint32_t)vaddr });
}

int code_starts_collect(const struct elf_file *file, struct code_starts *starts)
{
	int err = code_starts_unwind(file, starts);

	if (err == 0)
		err = code_starts_go(file, starts);
	if (err == 0)
		err = add_symbols(file, file->symtab, file->nr_symtab, starts);
	if (err == 0)
		err = add_symbols(file, file->dynsyms, file->nr_dynsyms, starts);
	if (err == 0)
		err = add_address(file, file->entry, starts);
	if (err == 0)
		err = add_address(file, file->init, starts);
	return err ? err : add_address(file, file->fini, starts);
}

/* pclntab: its place and what its header says. */
struct pclntab {
	const uint8_t *bytes;
	uint64_t len_bytes;
	uint64_t nr_functions, text, names, functab;
	uint64_t base;        /* of the offsets of functions' records */
	unsigned entry_bytes; /* of half an entry of functab: 4, relative to text, or 8 */
};

static uint64_t word(const struct pclntab *table, uint64_t offset, unsigned size)
{
	uint64_t value = 0;

	if (offset <= table->len_bytes && size <= table->len_bytes - offset)
		memcpy(&value, table->bytes + offset, size);
	return value;
}

static bool is_pclntab(const struct elf_file *file, struct pclntab *table)
{
	const uint32_t magic = (uint32_t)word(table, 0, 4);
	const struct elf_section *text = elf_file_section(file, ".text");

	if (table->len_bytes < 80 || word(table, 4, 2) != 0 || word(table, 6, 1) != 1 ||
	    word(table, 7, 1) != 8)
		return false;
	table->nr_functions = word(table, 8, 8);
	table->entry_bytes = 8;
	switch (magic) {
	case 0xfffffff0: /* 1.18 */
	case 0xfffffff1: /* 1.20 */
		table->text = word(table, 24, 8);
		if (file->type == ET_DYN || !table->text)
			table->text = text ? text->vaddr : table->text;
		table->names = word(table, 32, 8);
		table->functab = word(table, 64, 8);
		table->base = table->functab;
		table->entry_bytes = 4;
		return true;
	case 0xfffffffa: /* 1.16 */
		table->names = word(table, 24, 8);
		table->functab = word(table, 56, 8);
		table->base = table->functab;
		return true;
	case 0xfffffffb: /* 1.2: names are offsets from the table itself */
		table->functab = 16;
		table->base = 0;
		return true;
	}
	return false;
}

static bool find_pclntab(const struct elf_file *file, struct pclntab *table)
{
	static const uint8_t tail[4] = { 0, 0, 1,
					 8 }; /* after the magic: padding, quantum, word size */

	for (unsigned i = 0; i < file->nr_segments; i++) {
		const struct elf_segment *segment = &file->segments[i];
		const uint8_t *bytes = file->bytes + segment->offset, *at = bytes;
		const uint8_t *end = bytes + segment->filesz;

		while ((at = memmem(at, (size_t)(end - at), tail, sizeof(tail)))) {
			if (at - bytes >= 4 && at[-1] == 0xff && at[-2] == 0xff) {
				table->bytes = at - 4;
				table->len_bytes = (uint64_t)(end - table->bytes);
				if (is_pclntab(file, table))
					return true;
			}
			at++;
		}
	}
	return false;
}

static const char *pclntab_name(const struct pclntab *table, uint64_t function)
{
	const uint64_t at = table->names +
			    word(table, function + table->entry_bytes, 4); /* struct _func */

	if (at >= table->len_bytes || !memchr(table->bytes + at, 0, table->len_bytes - at))
		return NULL;
	return (const char *)table->bytes + at;
}

int code_starts_go(const struct elf_file *file, struct code_starts *starts)
{
	struct pclntab table = { 0 };
	int err = 0;

	/* only Go has one; a dynamic program has it in a section, unless it has no sections */
	if (file->interp && !elf_file_section(file, ".gopclntab") && file->has_sections)
		return 0;
	if (!find_pclntab(file, &table) || table.nr_functions > table.len_bytes / 8)
		return 0;
	starts->has_go = true;
	for (uint64_t i = 0; i < table.nr_functions && err == 0; i++) {
		const uint64_t at = table.functab + i * 2 * table.entry_bytes;
		const uint64_t start = table.text + word(&table, at, table.entry_bytes);
		const uint64_t end = table.text +
				     word(&table, at + 2 * table.entry_bytes, table.entry_bytes);
		const uint64_t function = table.base +
					  word(&table, at + table.entry_bytes, table.entry_bytes);

		if (!code_contains(file, start) || end <= start || end > ELF_FILE_MAX_VADDR)
			continue;
		err = code_starts_add(starts,
				      &(struct code_start){ .start = (uint32_t)start,
							    .end = (uint32_t)end,
							    .name = pclntab_name(&table, function),
							    .is_exact = true });
	}
	return err;
}
