/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbol table that a panic's backtrace reads (kernel/core/symbols.c), as assembly, from a
 * linked kernel: functions only, ascending by address. Text does not move between that link and the
 * next, for the table goes into the read-only data behind it.
 */
#define _GNU_SOURCE 1
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <abi/hull/boot.h>

#include "pack/link/plan.h"

struct function {
	uint64_t address;
	const char *name;
};

struct functions {
	struct function *at;
	size_t nr;
};

static int by_address(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* ld wrote this file a moment ago: what it says of itself is true. */
static int collect(const char *file, struct functions *out)
{
	const Elf64_Ehdr *head = (const Elf64_Ehdr *)file;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + head->e_shoff);
	const Elf64_Shdr *table = NULL, *in;
	const Elf64_Sym *symbols;
	const char *names;

	for (unsigned i = 0; i < head->e_shnum; i++)
		if (sections[i].sh_type == SHT_SYMTAB)
			table = &sections[i];
	if (!table)
		return -1;
	symbols = (const Elf64_Sym *)(file + table->sh_offset);
	names = file + sections[table->sh_link].sh_offset;
	out->at = calloc(table->sh_size / sizeof(*symbols) + 1, sizeof(*out->at));
	for (size_t i = 0; out->at && i < table->sh_size / sizeof(*symbols); i++) {
		in = symbols[i].st_shndx < head->e_shnum ? &sections[symbols[i].st_shndx] : NULL;
		if (in && (in->sh_flags & SHF_EXECINSTR) != 0 &&
		    ELF64_ST_TYPE(symbols[i].st_info) < STT_SECTION)
			out->at[out->nr++] = (struct function){ symbols[i].st_value,
								names + symbols[i].st_name };
	}
	return out->at ? 0 : -1;
}

/* One name an address. */
static void sort(struct functions *f)
{
	size_t nr = 0;

	qsort(f->at, f->nr, sizeof(f->at[0]), by_address);
	for (size_t i = 0; i < f->nr; i++)
		if (f->at[i].name[0] != '\0' &&
		    (nr == 0 || f->at[nr - 1].address != f->at[i].address))
			f->at[nr++] = f->at[i];
	f->nr = nr;
}

static void write_table(FILE *out, const struct functions *f)
{
	size_t at = 0;

	fprintf(out,
		"\t.section .rodata.ksyms, \"a\"\n"
		"\t.globl symbol_count, symbol_offsets, symbol_names, symbol_text\n"
		"\t.balign 4\nsymbol_count:\n\t.long %zu\nsymbol_offsets:\n",
		f->nr);
	for (size_t i = 0; i < f->nr; i++)
		fprintf(out, "\t.long 0x%llx\n",
			(unsigned long long)(f->at[i].address - KERNEL_BASE));
	fprintf(out, "symbol_names:\n");
	for (size_t i = 0; i < f->nr; i++) {
		fprintf(out, "\t.long %zu\n", at);
		at += strlen(f->at[i].name) + 1;
	}
	fprintf(out, "symbol_text:\n");
	for (size_t i = 0; i < f->nr; i++)
		fprintf(out, "\t.asciz \"%s\"\n", f->at[i].name);
}

int symbols_write(FILE *out, const char *kernel, struct failure *failure)
{
	struct functions functions = { 0 };
	struct stat st;
	char *file = MAP_FAILED;
	int fd = open(kernel, O_RDONLY | O_CLOEXEC), result = -1;

	if (fd >= 0 && fstat(fd, &st) == 0)
		file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED) {
		failure_set(failure, "cannot read %s: %s", kernel, strerror(errno));
	} else {
		result = collect(file, &functions);
		if (result != 0)
			failure_set(failure, "%s: no memory for its symbols", kernel);
	}
	if (result == 0) {
		sort(&functions);
		write_table(out, &functions);
		fprintf(out, "\t.section .note.GNU-stack, \"\", @progbits\n");
	}
	free(functions.at);
	if (file != MAP_FAILED)
		munmap(file, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	return result;
}
