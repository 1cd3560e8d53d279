/* SPDX-License-Identifier: BSD-2-Clause */
/* A file's code as a whole (code.h): the order in which it is made, and the questions about it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/code/code_build.h"
#include "scan/lower_bound.h"

bool code_contains(const struct elf_file *file, uint64_t vaddr)
{
	if (!file->has_sections)
		return elf_file_is_code(file, vaddr);
	if (vaddr < file->low || vaddr >= file->high)
		return false;
	for (unsigned i = 0; i < file->nr_sections; i++) {
		const struct elf_section *section = &file->sections[i];

		if ((section->flags & SHF_EXECINSTR) && vaddr >= section->vaddr &&
		    vaddr - section->vaddr < section->size)
			return elf_file_is_code(file, vaddr);
	}
	return false;
}

uint64_t code_thunk_slot(const struct elf_file *file, uint64_t vaddr)
{
	static const uint8_t endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const uint64_t left = elf_file_left(file, vaddr);
	const uint8_t *bytes = left ? elf_file_at(file, vaddr, left) : NULL;
	uint64_t at = 0;
	int32_t disp;

	if (!bytes || !code_contains(file, vaddr))
		return 0;
	if (left >= 4 && memcmp(bytes, endbr64, 4) == 0)
		at = 4;
	if (left > at && bytes[at] == 0xf2) /* bnd */
		at++;
	if (left < at + 6 || bytes[at] != 0xff || bytes[at + 1] != 0x25)
		return 0;
	memcpy(&disp, bytes + at + 2, sizeof(disp));
	vaddr += at + 6 + (uint64_t)(int64_t)disp;
	return elf_file_segment(file, vaddr) ? vaddr : 0;
}

uint32_t code_function_at(const struct code *code, uint64_t vaddr)
{
	const size_t next = LOWER_BOUND(code->functions, code->nr_functions, .start, vaddr + 1);

	return next != 0 && vaddr < code->functions[next - 1].end ? (uint32_t)next - 1 : CODE_NONE;
}

const char *code_name_at(const struct code *code, uint64_t vaddr)
{
	const uint32_t at = code_function_at(code, vaddr);

	return at == CODE_NONE ? NULL : code->functions[at].name;
}

static uint32_t hash(const char *name)
{
	uint32_t value = 5381;

	for (; *name; name++)
		value = value * 33 + (uint8_t)*name;
	return value;
}

static int hash_symbols(struct code *code)
{
	const struct elf_file *file = code->file;

	code->nr_by_name = 16;
	while (code->nr_by_name < file->nr_dynsyms * 2)
		code->nr_by_name *= 2;
	code->by_name = calloc(code->nr_by_name, sizeof(*code->by_name));
	if (!code->by_name)
		return -ENOMEM;
	for (uint32_t i = 1; i < file->nr_dynsyms; i++) {
		uint32_t at = hash(file->dynsyms[i].name);

		if (!file->dynsyms[i].defined || file->dynsyms[i].binding == STB_LOCAL)
			continue;
		while (code->by_name[at & (code->nr_by_name - 1)])
			at++;
		code->by_name[at & (code->nr_by_name - 1)] = i;
	}
	return 0;
}

uint32_t code_find_symbol(const struct code *code, const char *name, uint32_t *at)
{
	const uint32_t first = hash(name);

	for (;;) {
		const uint32_t index = code->by_name[(first + (*at)++) & (code->nr_by_name - 1)];

		if (index == 0 || strcmp(code->file->dynsyms[index].name, name) == 0)
			return index;
	}
}

int code_new(struct code **result, const struct elf_file *file)
{
	struct code *code = calloc(1, sizeof(*code));
	struct code_starts starts = { 0 };
	int err = code ? 0 : -ENOMEM;

	if (code)
		code->file = file;
	if (err == 0)
		err = hash_symbols(code);
	if (err == 0)
		err = code_pointers(code);
	if (err == 0)
		err = code_starts_collect(file, &starts);
	if (err == 0)
		err = code_sweep(code, &starts);
	free(starts.starts);
	if (code)
		code->is_go = starts.has_go;
	if (err == 0)
		err = code_splits(code);
	if (err == 0)
		err = code_jump_tables(code);
	if (err)
		code_free(code);
	else
		*result = code;
	return err;
}

void code_free(struct code *code)
{
	if (!code)
		return;
	free(code->functions);
	free(code->refs);
	free(code->doors);
	free(code->pointers);
	free(code->splits);
	free(code->by_name);
	free(code);
}
