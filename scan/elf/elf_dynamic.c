/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dynamic section (gABI 4.1 chapter 5, psABI): names of libraries, arrays of constructors, the
 * tables of symbols and relocations. It is found through PT_DYNAMIC and read by addresses alone,
 * as the loader reads it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/elf/elf_parse.h"

struct dynamic {
	const uint8_t *bytes;
	uint64_t nr;
};

static int find_dynamic(const struct elf_file *file, struct dynamic *dynamic,
			struct scan_error *error)
{
	Elf64_Ehdr header;
	Elf64_Phdr phdr;

	memcpy(&header, file->bytes, sizeof(header));
	for (unsigned i = 0; i < header.e_phnum; i++) {
		memcpy(&phdr, file->bytes + header.e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type != PT_DYNAMIC)
			continue;
		dynamic->nr = phdr.p_filesz / sizeof(Elf64_Dyn);
		dynamic->bytes = elf_file_at(file, phdr.p_vaddr, phdr.p_filesz);
		if (dynamic->bytes)
			return 0;
	}
	return elf_refuse(file, error, "its dynamic section lies outside of its segments");
}

/* Entry i; false at the end (DT_NULL). */
static bool entry(const struct dynamic *dynamic, uint64_t i, Elf64_Dyn *dyn)
{
	if (i >= dynamic->nr)
		return false;
	memcpy(dyn, dynamic->bytes + i * sizeof(*dyn), sizeof(*dyn));
	return dyn->d_tag != DT_NULL;
}

static uint64_t value_of(const struct dynamic *dynamic, int64_t tag)
{
	Elf64_Dyn dyn;

	for (uint64_t i = 0; entry(dynamic, i, &dyn); i++) {
		if (dyn.d_tag == tag)
			return dyn.d_un.d_val;
	}
	return 0;
}

/* A table of the dynamic section's; NULL without one, -ENOEXEC when it is not in the file. */
static int table(const struct elf_file *file, const struct dynamic *dynamic, const int64_t tags[2],
		 const uint8_t **bytes, uint64_t *len_bytes)
{
	const uint64_t vaddr = value_of(dynamic, tags[0]);

	*len_bytes = value_of(dynamic, tags[1]);
	*bytes = NULL;
	if (!vaddr || !*len_bytes) {
		*len_bytes = 0;
		return 0;
	}
	*bytes = elf_file_at(file, vaddr, *len_bytes);
	return *bytes ? 0 : -ENOEXEC;
}

int elf_tables_find(const struct elf_file *file, struct elf_tables *tables,
		    struct scan_error *error)
{
	struct dynamic dynamic;
	uint64_t strtab_bytes;
	const uint8_t *strtab;
	int err = find_dynamic(file, &dynamic, error);

	if (err)
		return err;
	*tables = (struct elf_tables){
		.symtab_vaddr = value_of(&dynamic, DT_SYMTAB),
		.hash = value_of(&dynamic, DT_HASH),
		.gnu_hash = value_of(&dynamic, DT_GNU_HASH),
		.verdef = value_of(&dynamic, DT_VERDEF),
		.verneed = value_of(&dynamic, DT_VERNEED),
		.nr_verdef = (unsigned)value_of(&dynamic, DT_VERDEFNUM),
		.nr_verneed = (unsigned)value_of(&dynamic, DT_VERNEEDNUM),
	};
	if (table(file, &dynamic, (int64_t[]){ DT_STRTAB, DT_STRSZ }, &strtab, &strtab_bytes) ||
	    (strtab_bytes && strtab[strtab_bytes - 1] != 0))
		return elf_refuse(file, error, "its table of dynamic strings is broken");
	tables->strtab = (const char *)strtab;
	tables->strtab_bytes = strtab_bytes;
	if (table(file, &dynamic, (int64_t[]){ DT_RELA, DT_RELASZ }, &tables->rela,
		  &tables->rela_bytes) ||
	    table(file, &dynamic, (int64_t[]){ DT_JMPREL, DT_PLTRELSZ }, &tables->jmprel,
		  &tables->jmprel_bytes) ||
	    table(file, &dynamic, (int64_t[]){ DT_RELR, DT_RELRSZ }, &tables->relr,
		  &tables->relr_bytes))
		return elf_refuse(file, error, "its relocations lie outside of its segments");
	tables->versym = elf_file_at(file, value_of(&dynamic, DT_VERSYM), 2);
	return 0;
}

/* A string of DT_STRTAB's; NULL when the offset is bad. */
static const char *string_at(const struct elf_tables *tables, uint64_t offset)
{
	return offset < tables->strtab_bytes ? tables->strtab + offset : NULL;
}

static int read_names(struct elf_file *file, const struct dynamic *dynamic,
		      const struct elf_tables *tables, struct scan_error *error)
{
	Elf64_Dyn dyn;

	file->needed = calloc(dynamic->nr + 1, sizeof(*file->needed));
	if (!file->needed)
		return -ENOMEM;
	for (uint64_t i = 0; entry(dynamic, i, &dyn); i++) {
		const char *text = string_at(tables, dyn.d_un.d_val);

		if (dyn.d_tag != DT_NEEDED && dyn.d_tag != DT_SONAME && dyn.d_tag != DT_RPATH &&
		    dyn.d_tag != DT_RUNPATH)
			continue;
		if (!text)
			return elf_refuse(file, error, "a name in its dynamic section is broken");
		if (dyn.d_tag == DT_NEEDED)
			file->needed[file->nr_needed++] = text;
		else if (dyn.d_tag == DT_SONAME)
			file->soname = text;
		else if (dyn.d_tag == DT_RPATH)
			file->rpath = text;
		else
			file->runpath = text;
	}
	return 0;
}

static void read_flags(struct elf_file *file, const struct dynamic *dynamic)
{
	static const int64_t arrays[3][2] = { { DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ },
					      { DT_INIT_ARRAY, DT_INIT_ARRAYSZ },
					      { DT_FINI_ARRAY, DT_FINI_ARRAYSZ } };

	file->init = value_of(dynamic, DT_INIT);
	file->fini = value_of(dynamic, DT_FINI);
	for (unsigned i = 0; i < 3; i++) {
		file->arrays[i].vaddr = value_of(dynamic, arrays[i][0]);
		file->arrays[i].size = value_of(dynamic, arrays[i][1]);
	}
	file->bind_now = (value_of(dynamic, DT_FLAGS) & DF_BIND_NOW) ||
			 (value_of(dynamic, DT_FLAGS_1) & DF_1_NOW);
	file->symbolic = value_of(dynamic, DT_FLAGS) & DF_SYMBOLIC;
}

int elf_dynamic_read(struct elf_file *file, struct scan_error *error)
{
	struct elf_tables tables;
	struct dynamic dynamic;
	int err = elf_tables_find(file, &tables, error);

	if (err == 0)
		err = find_dynamic(file, &dynamic, error);
	if (err == 0)
		err = read_names(file, &dynamic, &tables, error);
	if (err)
		return err;
	read_flags(file, &dynamic);
	return elf_dynsyms_read(file, &tables, error);
}
