/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbols: the dynamic ones with their versions (LSB core 5.0, symbol versioning), and .symtab
 * where the file is not stripped. How many dynamic ones there are is said by no field: the section,
 * else DT_HASH, else the chains of DT_GNU_HASH tell.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/elf/elf_parse.h"

#define MAX_SYMBOLS (16u << 20)

void elf_symbol_decode(struct elf_symbol *symbol, const uint8_t *bytes, const char *strings,
		       uint64_t strings_bytes)
{
	Elf64_Sym sym;

	memcpy(&sym, bytes, sizeof(sym));
	*symbol = (struct elf_symbol){
		.name = sym.st_name < strings_bytes ? strings + sym.st_name : "",
		.value = sym.st_value,
		.size = sym.st_size,
		.type = ELF64_ST_TYPE(sym.st_info),
		.binding = ELF64_ST_BIND(sym.st_info),
		.visibility = ELF64_ST_VISIBILITY(sym.st_other),
		.defined = sym.st_shndx != SHN_UNDEF,
	};
}

static bool read_u32(const struct elf_file *file, uint64_t vaddr, uint32_t *value)
{
	const uint8_t *bytes = elf_file_at(file, vaddr, sizeof(*value));

	if (bytes)
		memcpy(value, bytes, sizeof(*value));
	return bytes != NULL;
}

/* The last symbol that a chain of DT_GNU_HASH leads to, and one more; 0: the table is broken. */
static uint64_t count_by_gnu_hash(const struct elf_file *file, uint64_t vaddr)
{
	uint32_t nr_buckets, first, bloom_words, bucket, last = 0, word;
	uint64_t buckets, chains;

	if (!read_u32(file, vaddr, &nr_buckets) || !read_u32(file, vaddr + 4, &first) ||
	    !read_u32(file, vaddr + 8, &bloom_words))
		return 0;
	buckets = vaddr + 16 + bloom_words * 8ull;
	chains = buckets + nr_buckets * 4ull;
	for (uint32_t i = 0; i < nr_buckets; i++) {
		if (!read_u32(file, buckets + i * 4ull, &bucket))
			return 0;
		if (bucket > last)
			last = bucket;
	}
	if (last < first)
		return first;
	do {
		if (!read_u32(file, chains + (last - first) * 4ull, &word))
			return 0;
	} while (++last && !(word & 1));
	return last;
}

static uint64_t count_dynsyms(const struct elf_file *file, const struct elf_tables *tables)
{
	uint32_t count;

	for (unsigned i = 0; i < file->nr_sections; i++) {
		const struct elf_section *section = &file->sections[i];

		if (section->type == SHT_DYNSYM && section->vaddr == tables->symtab_vaddr)
			return section->size / sizeof(Elf64_Sym);
	}
	if (tables->hash && read_u32(file, tables->hash + 4, &count))
		return count;
	return tables->gnu_hash ? count_by_gnu_hash(file, tables->gnu_hash) : 0;
}

/* The names of versions by their index: of those this file defines, and those it needs. */
struct versions {
	const char **names;
	unsigned nr;
};

static void set_version(struct versions *versions, unsigned index, const char *name)
{
	const char **names;

	index &= 0x7fff;
	if (index >= versions->nr) {
		names = realloc(versions->names, (index + 1) * sizeof(*names));
		if (!names)
			return; /* without a version the symbol binds to any: more is reached */
		memset(names + versions->nr, 0, (index + 1 - versions->nr) * sizeof(*names));
		versions->names = names;
		versions->nr = index + 1;
	}
	versions->names[index] = name;
}

static const char *version_string(const struct elf_tables *tables, uint64_t offset)
{
	return offset < tables->strtab_bytes ? tables->strtab + offset : NULL;
}

static void read_verdef(const struct elf_file *file, const struct elf_tables *tables,
			struct versions *versions)
{
	uint64_t at = tables->verdef;

	for (unsigned i = 0; at && i < tables->nr_verdef; i++) {
		const uint8_t *bytes = elf_file_at(file, at, sizeof(Elf64_Verdef));
		const uint8_t *aux_bytes;
		Elf64_Verdef def;
		Elf64_Verdaux aux;

		if (!bytes)
			return;
		memcpy(&def, bytes, sizeof(def));
		aux_bytes = elf_file_at(file, at + def.vd_aux, sizeof(aux));
		if (!aux_bytes)
			return;
		memcpy(&aux, aux_bytes, sizeof(aux));
		set_version(versions, def.vd_ndx, version_string(tables, aux.vda_name));
		at = def.vd_next ? at + def.vd_next : 0;
	}
}

static void read_needed_versions(const struct elf_file *file, const struct elf_tables *tables,
				 struct versions *versions, uint64_t at, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		const uint8_t *bytes = elf_file_at(file, at, sizeof(Elf64_Vernaux));
		Elf64_Vernaux aux;

		if (!bytes)
			return;
		memcpy(&aux, bytes, sizeof(aux));
		set_version(versions, aux.vna_other, version_string(tables, aux.vna_name));
		if (!aux.vna_next)
			return;
		at += aux.vna_next;
	}
}

static void read_verneed(const struct elf_file *file, const struct elf_tables *tables,
			 struct versions *versions)
{
	uint64_t at = tables->verneed;

	for (unsigned i = 0; at && i < tables->nr_verneed; i++) {
		const uint8_t *bytes = elf_file_at(file, at, sizeof(Elf64_Verneed));
		Elf64_Verneed need;

		if (!bytes)
			return;
		memcpy(&need, bytes, sizeof(need));
		read_needed_versions(file, tables, versions, at + need.vn_aux, need.vn_cnt);
		at = need.vn_next ? at + need.vn_next : 0;
	}
}

/* The versym table is as long as the symbols; where it is cut short the rest have no version. */
static void set_symbol_versions(struct elf_file *file, const struct elf_tables *tables)
{
	struct versions versions = { 0 };
	uint16_t index;

	if (!tables->versym)
		return;
	read_verdef(file, tables, &versions);
	read_verneed(file, tables, &versions);
	for (unsigned i = 1; i < file->nr_dynsyms; i++) {
		const uint8_t *at = tables->versym + i * 2ull;

		if (at + 2 > file->bytes + file->len_bytes)
			break;
		memcpy(&index, at, sizeof(index));
		file->dynsyms[i].hidden = index & 0x8000;
		index &= 0x7fff;
		if (index >= 2 && index < versions.nr)
			file->dynsyms[i].version = versions.names[index];
	}
	free(versions.names);
}

int elf_dynsyms_read(struct elf_file *file, const struct elf_tables *tables,
		     struct scan_error *error)
{
	const uint64_t nr = count_dynsyms(file, tables);
	const uint8_t *bytes;

	if (nr == 0)
		return 0;
	bytes = nr <= MAX_SYMBOLS ? elf_file_at(file, tables->symtab_vaddr, nr * sizeof(Elf64_Sym))
				  : NULL;
	if (!bytes)
		return elf_refuse(file, error, "its dynamic symbols lie outside of its segments");
	file->dynsyms = calloc(nr, sizeof(*file->dynsyms));
	if (!file->dynsyms)
		return -ENOMEM;
	for (uint64_t i = 0; i < nr; i++)
		elf_symbol_decode(&file->dynsyms[i], bytes + i * sizeof(Elf64_Sym), tables->strtab,
				  tables->strtab_bytes);
	file->nr_dynsyms = (unsigned)nr;
	set_symbol_versions(file, tables);
	return 0;
}

/* .symtab is read for names and bounds only: a broken one counts as none. */
int elf_symtab_read(struct elf_file *file, struct scan_error *error)
{
	const struct elf_section *section = NULL, *strings;
	uint64_t nr;

	(void)error;
	for (unsigned i = 0; i < file->nr_sections && !section; i++) {
		if (file->sections[i].type == SHT_SYMTAB)
			section = &file->sections[i];
	}
	if (!section || section->link >= file->nr_sections)
		return 0;
	strings = &file->sections[section->link];
	nr = section->size / sizeof(Elf64_Sym);
	if (nr == 0 || nr > MAX_SYMBOLS || strings->type != SHT_STRTAB || strings->size == 0 ||
	    file->bytes[strings->offset + strings->size - 1] != 0)
		return 0;
	file->symtab = calloc(nr, sizeof(*file->symtab));
	if (!file->symtab)
		return -ENOMEM;
	for (uint64_t i = 0; i < nr; i++)
		elf_symbol_decode(&file->symtab[i],
				  file->bytes + section->offset + i * sizeof(Elf64_Sym),
				  (const char *)file->bytes + strings->offset, strings->size);
	file->nr_symtab = (unsigned)nr;
	return 0;
}
