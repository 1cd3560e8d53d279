/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file's pointers, its pieces of data, and its jump tables (code.h says what each is).
 *
 * A jump table of position-independent code is a row of 32-bit offsets from its own start, in
 * read-only data; code takes its address (`lea table(%rip)`) in a function that jumps indirectly.
 * It is read until an offset leads out of the code or something else begins. Only what it leads to
 * outside of the function (gcc's .cold parts) is news.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/code/code_build.h"
#include "scan/lower_bound.h"

#define PIECE_ALIGN 32
#define TABLE_MAX   65536

struct numbers {
	uint32_t *values;
	size_t nr, room;
};

static int add(struct numbers *numbers, uint64_t value)
{
	if (numbers->nr == numbers->room) {
		const size_t room = numbers->room ? numbers->room * 2 : 1024;
		uint32_t *values = realloc(numbers->values, room * sizeof(*values));

		if (!values)
			return -ENOMEM;
		numbers->values = values;
		numbers->room = room;
	}
	numbers->values[numbers->nr++] = (uint32_t)value;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_unique(struct numbers *numbers)
{
	size_t nr = 0;

	if (numbers->nr)
		qsort(numbers->values, numbers->nr, sizeof(*numbers->values), compare);
	for (size_t i = 0; i < numbers->nr; i++) {
		if (nr == 0 || numbers->values[nr - 1] != numbers->values[i])
			numbers->values[nr++] = numbers->values[i];
	}
	numbers->nr = nr;
}

/* What a relocation sets is no pointer before: a slot of the PLT holds the way to its binding. */
static bool is_relocated(const struct elf_file *file, uint64_t vaddr)
{
	const size_t at = LOWER_BOUND(file->relocs, file->nr_relocs, .address, vaddr);

	return at < file->nr_relocs && file->relocs[at].address == vaddr;
}

/* Words of data that may be pointers, of a file at fixed addresses. */
static int find_words(const struct elf_file *file, struct elf_reloc **pointers, size_t *nr)
{
	size_t room = 0;

	for (unsigned i = 0; i < file->nr_segments; i++) {
		const struct elf_segment *segment = &file->segments[i];
		const uint64_t start = (segment->vaddr + 7) & ~7ull;

		for (uint64_t at = start; at + 8 <= segment->vaddr + segment->filesz; at += 8) {
			uint64_t word;

			memcpy(&word, file->bytes + segment->offset + (at - segment->vaddr), 8);
			if (word < file->low || word >= file->high || code_contains(file, at) ||
			    is_relocated(file, at))
				continue;
			if (*nr == room) {
				struct elf_reloc *new;

				room = room ? room * 2 : 1024;
				new = realloc(*pointers, room * sizeof(*new));
				if (!new)
					return -ENOMEM;
				*pointers = new;
			}
			(*pointers)[(*nr)++] = (struct elf_reloc){ .address = at,
								   .type = R_X86_64_RELATIVE,
								   .addend = (int64_t)word };
		}
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct elf_reloc *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

int code_pointers(struct code *code)
{
	const struct elf_file *file = code->file;
	struct elf_reloc *pointers = NULL, *all;
	size_t nr = 0;
	int err = file->type == ET_EXEC ? find_words(file, &pointers, &nr) : 0;

	if (err) {
		free(pointers);
		return err;
	}
	all = realloc(pointers, (nr + file->nr_relocs + 1) * sizeof(*all));
	if (!all) {
		free(pointers);
		return -ENOMEM;
	}
	if (file->nr_relocs)
		memcpy(all + nr, file->relocs, file->nr_relocs * sizeof(*all));
	code->pointers = all;
	code->nr_pointers = (uint32_t)(nr + file->nr_relocs);
	if (nr)
		qsort(all, code->nr_pointers, sizeof(*all), by_address);
	return 0;
}

/* Symbols of data with a size: bounds, and no split inside of them. */
static int add_objects(const struct elf_file *file, const struct elf_symbol *symbols, unsigned nr,
		       struct numbers *bounds)
{
	int err = 0;

	for (unsigned i = 0; i < nr && err == 0; i++) {
		const struct elf_symbol *symbol = &symbols[i];

		if (symbol->type != STT_OBJECT || !symbol->defined || symbol->size == 0 ||
		    !elf_file_segment(file, symbol->value) ||
		    symbol->size > ELF_FILE_MAX_VADDR - symbol->value)
			continue;
		err = add(bounds, symbol->value);
		if (err == 0)
			err = add(bounds, symbol->value + symbol->size);
	}
	return err;
}

/* Where sized symbols lie: no piece begins inside of one. */
struct extent {
	uint32_t start, end;
};

static int by_extent(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

struct extents {
	struct extent *extents;
	size_t nr;
};

static void add_extents(const struct elf_file *file, const struct elf_symbol *symbols, unsigned nr,
			struct extents *extents)
{
	for (unsigned i = 0; i < nr; i++) {
		const struct elf_symbol *symbol = &symbols[i];

		if (symbol->type == STT_OBJECT && symbol->defined && symbol->size &&
		    elf_file_segment(file, symbol->value) &&
		    symbol->size <= ELF_FILE_MAX_VADDR - symbol->value)
			extents->extents[extents->nr++] = (struct extent){
				(uint32_t)symbol->value, (uint32_t)(symbol->value + symbol->size)
			};
	}
}

/* Sorted, and those that overlap made one. */
static int collect_extents(const struct elf_file *file, struct extents *extents)
{
	size_t nr = 0;

	extents->extents =
		malloc((file->nr_dynsyms + file->nr_symtab + 1ull) * sizeof(*extents->extents));
	if (!extents->extents)
		return -ENOMEM;
	add_extents(file, file->dynsyms, file->nr_dynsyms, extents);
	add_extents(file, file->symtab, file->nr_symtab, extents);
	qsort(extents->extents, extents->nr, sizeof(*extents->extents), by_extent);
	for (size_t i = 0; i < extents->nr; i++) {
		struct extent *last = nr ? &extents->extents[nr - 1] : NULL;

		if (last && extents->extents[i].start < last->end) {
			if (extents->extents[i].end > last->end)
				last->end = extents->extents[i].end;
			continue;
		}
		extents->extents[nr++] = extents->extents[i];
	}
	extents->nr = nr;
	return 0;
}

static bool is_inside(const struct extents *extents, uint64_t vaddr)
{
	const size_t at = LOWER_BOUND(extents->extents, extents->nr, .start, vaddr);

	return at > 0 && vaddr < extents->extents[at - 1].end;
}

static int add_split(const struct extents *extents, struct numbers *splits, uint64_t vaddr)
{
	if (vaddr % PIECE_ALIGN || is_inside(extents, vaddr))
		return 0;
	return add(splits, vaddr);
}

static int add_bounds(const struct elf_file *file, struct numbers *splits)
{
	int err = 0;

	for (unsigned i = 0; i < file->nr_segments && err == 0; i++) {
		err = add(splits, file->segments[i].vaddr);
		if (err == 0)
			err = add(splits, file->segments[i].vaddr + file->segments[i].memsz);
	}
	for (unsigned i = 0; i < file->nr_sections && err == 0; i++) {
		const struct elf_section *section = &file->sections[i];

		if (!(section->flags & SHF_ALLOC) || (section->flags & SHF_TLS) ||
		    section->vaddr > ELF_FILE_MAX_VADDR)
			continue;
		err = add(splits, section->vaddr);
	}
	if (err == 0)
		err = add_objects(file, file->dynsyms, file->nr_dynsyms, splits);
	return err ? err : add_objects(file, file->symtab, file->nr_symtab, splits);
}

int code_splits(struct code *code)
{
	struct numbers splits = { 0 };
	struct extents extents = { 0 };
	int err = collect_extents(code->file, &extents);

	if (err == 0)
		err = add_bounds(code->file, &splits);
	for (uint32_t i = 0; i < code->nr_refs && err == 0; i++) {
		if (code->refs[i].kind == CODE_DATA)
			err = add_split(&extents, &splits, code->refs[i].to);
	}
	for (uint32_t i = 0; i < code->nr_pointers && err == 0; i++) {
		const struct elf_reloc *pointer = &code->pointers[i];

		if (pointer->type == R_X86_64_RELATIVE &&
		    elf_file_segment(code->file, (uint64_t)pointer->addend) &&
		    !code_contains(code->file, (uint64_t)pointer->addend))
			err = add_split(&extents, &splits, (uint64_t)pointer->addend);
	}
	free(extents.extents);
	sort_unique(&splits);
	code->splits = splits.values;
	code->nr_splits = (uint32_t)splits.nr;
	return err;
}

uint32_t code_pointer_from(const struct code *code, uint64_t vaddr)
{
	return (uint32_t)LOWER_BOUND(code->pointers, code->nr_pointers, .address, vaddr);
}

void code_piece(const struct code *code, uint64_t vaddr, uint32_t *start, uint32_t *end)
{
	const size_t at = LOWER_BOUND(code->splits, code->nr_splits, , vaddr + 1);

	*start = at ? code->splits[at - 1] : 0;
	*end = at < code->nr_splits ? code->splits[at] : (uint32_t)vaddr + 1;
}

/* ---- jump tables ---- */

static int collect_marks(const struct code *code, struct numbers *marks)
{
	int err = 0;

	for (uint32_t i = 0; i < code->nr_refs && err == 0; i++) {
		const uint8_t kind = code->refs[i].kind;

		if (kind >= CODE_LOAD)
			err = add(marks, code->refs[i].to);
	}
	sort_unique(marks);
	return err;
}

static int read_table(const struct code *code, const struct code_function *function,
		      const struct code_ref *ref, const struct numbers *marks,
		      struct code_refs *found)
{
	const struct elf_segment *segment = elf_file_segment(code->file, ref->to);
	const size_t next = LOWER_BOUND(marks->values, marks->nr, , ref->to + 1ull);
	const uint64_t limit = next < marks->nr ? marks->values[next] : ELF_FILE_MAX_VADDR;
	int err = 0;

	if (!segment || segment->writable)
		return 0;
	for (unsigned i = 0; i < TABLE_MAX && err == 0; i++) {
		const uint64_t at = ref->to + i * 4ull;
		const uint8_t *bytes = at + 4 <= limit ? elf_file_at(code->file, at, 4) : NULL;
		struct code_ref jump = { .from = ref->from, .kind = CODE_JUMP };
		int32_t offset;

		if (!bytes)
			return 0;
		memcpy(&offset, bytes, sizeof(offset));
		jump.to = (uint32_t)(ref->to + (uint64_t)(int64_t)offset);
		if (!code_contains(code->file, jump.to))
			return 0;
		if (jump.to < function->start || jump.to >= function->end)
			err = code_refs_add(found, &jump);
	}
	return err;
}

static int read_tables_of(struct code *code, struct code_function *function,
			  const struct numbers *marks, struct code_refs *all)
{
	struct code_refs found = { 0 };
	const uint32_t first = function->first_ref, nr = function->nr_refs;
	int err = 0;

	for (uint32_t i = 0; i < nr && err == 0; i++) {
		const struct code_ref ref = all->refs[first + i];

		if (ref.kind == CODE_DATA)
			err = read_table(code, function, &ref, marks, &found);
	}
	if (found.nr && err == 0) {
		/* the function's references move to the end, with the new ones after them */
		function->first_ref = (uint32_t)all->nr;
		for (uint32_t i = 0; i < nr && err == 0; i++) {
			const struct code_ref ref = all->refs[first + i];

			err = code_refs_add(all, &ref);
		}
		for (size_t i = 0; i < found.nr && err == 0; i++)
			err = code_refs_add(all, &found.refs[i]);
		function->nr_refs = nr + (uint32_t)found.nr;
	}
	free(found.refs);
	return err;
}

int code_jump_tables(struct code *code)
{
	struct code_refs all = { code->refs, code->nr_refs, code->nr_refs };
	struct numbers marks = { 0 };
	int err = collect_marks(code, &marks);

	for (uint32_t i = 0; i < code->nr_functions && err == 0; i++) {
		if (code->functions[i].has_indirect_jump)
			err = read_tables_of(code, &code->functions[i], &marks, &all);
	}
	free(marks.values);
	code->refs = all.refs;
	code->nr_refs = (uint32_t)all.nr;
	return err;
}
