/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Relocations that the loader, or a static program's own start, applies: DT_RELA, DT_JMPREL and
 * DT_RELR (packed relative ones); in static programs, which have no dynamic section, the sections
 * of type RELA that are loaded (IRELATIVE only). All are made one array by address.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/elf/elf_parse.h"

struct growing {
	struct elf_reloc *relocs;
	size_t nr, room;
};

static int append(struct growing *growing, const struct elf_reloc *reloc)
{
	if (growing->nr == growing->room) {
		const size_t room = growing->room ? growing->room * 2 : 256;
		struct elf_reloc *relocs = realloc(growing->relocs, room * sizeof(*relocs));

		if (!relocs)
			return -ENOMEM;
		growing->relocs = relocs;
		growing->room = room;
	}
	growing->relocs[growing->nr++] = *reloc;
	return 0;
}

static int read_rela(const struct elf_file *file, struct growing *growing, const uint8_t *bytes,
		     uint64_t len_bytes)
{
	Elf64_Rela rela;
	int err = 0;

	for (uint64_t i = 0; i < len_bytes / sizeof(rela) && err == 0; i++) {
		struct elf_reloc reloc;

		memcpy(&rela, bytes + i * sizeof(rela), sizeof(rela));
		reloc = (struct elf_reloc){
			.address = rela.r_offset,
			.type = ELF64_R_TYPE(rela.r_info),
			.symbol = ELF64_R_SYM(rela.r_info),
			.addend = rela.r_addend,
		};
		if (reloc.symbol && reloc.symbol >= file->nr_dynsyms)
			return -ENOEXEC;
		err = append(growing, &reloc);
	}
	return err;
}

static int add_relative(const struct elf_file *file, struct growing *growing, uint64_t address)
{
	const uint8_t *at = elf_file_at(file, address, 8);
	struct elf_reloc reloc = { .address = address, .type = R_X86_64_RELATIVE };

	if (!at)
		return -ENOEXEC;
	memcpy(&reloc.addend, at, sizeof(reloc.addend));
	return append(growing, &reloc);
}

/* gABI, "RELR": an even word is an address, an odd one a bitmap of the next 63 words. */
static int read_relr(const struct elf_file *file, struct growing *growing, const uint8_t *bytes,
		     uint64_t len_bytes)
{
	uint64_t word, base = 0;
	int err = 0;

	for (uint64_t i = 0; i < len_bytes / sizeof(word) && err == 0; i++) {
		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		if (!(word & 1)) {
			err = add_relative(file, growing, word);
			base = word + 8;
			continue;
		}
		for (unsigned bit = 1; bit < 64 && err == 0; bit++) {
			if (word >> bit & 1)
				err = add_relative(file, growing, base + (bit - 1) * 8ull);
		}
		base += 63 * 8;
	}
	return err;
}

static int by_address(const void *a, const void *b)
{
	const struct elf_reloc *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int read_dynamic_relocs(const struct elf_file *file, struct growing *growing,
			       struct scan_error *error)
{
	struct elf_tables tables;
	int err = elf_tables_find(file, &tables, error);

	if (err == 0)
		err = read_rela(file, growing, tables.rela, tables.rela_bytes);
	if (err == 0)
		err = read_rela(file, growing, tables.jmprel, tables.jmprel_bytes);
	if (err == 0)
		err = read_relr(file, growing, tables.relr, tables.relr_bytes);
	return err;
}

static int read_static_relocs(const struct elf_file *file, struct growing *growing)
{
	int err = 0;

	for (unsigned i = 0; i < file->nr_sections && err == 0; i++) {
		const struct elf_section *section = &file->sections[i];

		if (section->type == SHT_RELA && (section->flags & SHF_ALLOC))
			err = read_rela(file, growing, file->bytes + section->offset,
					section->size);
	}
	return err;
}

int elf_relocs_read(struct elf_file *file, struct scan_error *error)
{
	struct growing growing = { 0 };
	int err = file->is_dynamic ? read_dynamic_relocs(file, &growing, error)
				   : read_static_relocs(file, &growing);

	if (err) {
		free(growing.relocs);
		return err == -ENOEXEC ? elf_refuse(file, error, "its relocations are broken")
				       : err;
	}
	if (growing.nr)
		qsort(growing.relocs, growing.nr, sizeof(*growing.relocs), by_address);
	file->relocs = growing.relocs;
	file->nr_relocs = (unsigned)growing.nr;
	return 0;
}
