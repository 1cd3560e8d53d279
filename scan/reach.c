/* SPDX-License-Identifier: BSD-2-Clause */
/* Reachability (reach.h). */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/lower_bound.h"
#include "scan/reach.h"

#define NAME_MAX_BYTES     200
#define BEFORE_PIECE_BYTES 256

static void add_caller(struct reach *reach, const struct reach_caller *caller)
{
	if (reach->nr_callers == reach->room_callers) {
		const size_t room = reach->room_callers ? reach->room_callers * 2 : 4096;
		struct reach_caller *new = realloc(reach->callers, room * sizeof(*new));

		if (!new) {
			reach->err = -ENOMEM;
			return;
		}
		reach->callers = new;
		reach->room_callers = room;
	}
	reach->callers[reach->nr_callers++] = *caller;
}

static void add_work(struct reach *reach, const struct reach_work *work)
{
	if (reach->nr_work == reach->room_work) {
		const size_t room = reach->room_work ? reach->room_work * 2 : 1024;
		struct reach_work *new = realloc(reach->work, room * sizeof(*new));

		if (!new) {
			reach->err = -ENOMEM;
			return;
		}
		reach->work = new;
		reach->room_work = room;
	}
	reach->work[reach->nr_work++] = *work;
}

static void reach_function(struct reach *reach, uint32_t module, uint64_t vaddr)
{
	const uint32_t function = code_function_at(reach->modules[module].code, vaddr);

	if (function == CODE_NONE || reach->modules[module].reached[function])
		return;
	reach->modules[module].reached[function] = true;
	add_work(reach, &(struct reach_work){ module, function, false });
}

/* Where a reference comes from, and whether it calls. */
struct way {
	uint32_t module, from;
	bool is_call, is_taken;
	unsigned thunks; /* passed on the way */
};

#define MAX_THUNKS 4 /* one is the rule; a broken file's may go in a circle */

static void follow_slot(struct reach *reach, const struct way *way, uint64_t vaddr);
static void reach_piece(struct reach *reach, uint32_t module, uint64_t vaddr);

static void reach_code(struct reach *reach, const struct way *way, uint32_t module, uint64_t vaddr)
{
	const uint64_t slot = code_thunk_slot(reach->modules[module].file, vaddr);
	struct way through = *way;

	add_caller(reach, &(struct reach_caller){ .to_module = module,
						  .to = (uint32_t)vaddr,
						  .from_module = way->module,
						  .from = way->from,
						  .is_call = way->is_call,
						  .is_taken = way->is_taken });
	if (!slot || ++through.thunks > MAX_THUNKS) {
		reach_function(reach, module, vaddr);
		return;
	}
	through.module = module; /* the slot is this file's; its caller is the piece of code */
	if (way->module == module)
		through.from = way->from;
	follow_slot(reach, &through, slot);
}

/* ---- symbols ---- */

static bool version_fits(const struct elf_symbol *wanted, const struct elf_symbol *found)
{
	if (wanted->version && found->version)
		return strcmp(wanted->version, found->version) == 0;
	return wanted->version || !found->hidden;
}

static uint32_t find_in(const struct module *module, const struct elf_symbol *wanted)
{
	uint32_t at = 0, index;

	while ((index = code_find_symbol(module->code, wanted->name, &at))) {
		if (version_fits(wanted, &module->file->dynsyms[index]))
			return index;
	}
	return 0;
}

bool reach_bind(const struct reach *reach, uint32_t module, uint32_t symbol, uint32_t *to_module,
		uint32_t *to_symbol)
{
	const struct elf_file *file = reach->modules[module].file;
	const struct elf_symbol *wanted = &file->dynsyms[symbol];
	const bool is_own = wanted->defined &&
			    (wanted->binding == STB_LOCAL || wanted->visibility != STV_DEFAULT ||
			     file->symbolic);

	*to_module = module;
	*to_symbol = symbol;
	if (is_own)
		return true;
	for (uint32_t i = 0; i < reach->nr_modules; i++) {
		*to_module = i;
		*to_symbol = find_in(&reach->modules[i], wanted);
		if (*to_symbol)
			return true;
	}
	return false;
}

static bool is_function(const struct elf_symbol *symbol)
{
	return symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC;
}

static void reach_address(struct reach *reach, const struct way *way, uint32_t module,
			  uint64_t vaddr)
{
	if (code_contains(reach->modules[module].file, vaddr))
		reach_code(reach, way, module, vaddr);
	else
		reach_piece(reach, module, vaddr);
}

static void reach_symbol(struct reach *reach, const struct way *way, uint32_t module,
			 uint32_t index)
{
	const struct elf_symbol *symbol = &reach->modules[module].file->dynsyms[index];
	struct way taken = *way;

	if (symbol->type == STT_TLS)
		return;
	if (symbol->type == STT_GNU_IFUNC) {
		taken.is_taken = true; /* the loader calls the resolver */
		taken.is_call = false;
	}
	reach_address(reach, &taken, module, symbol->value);
}

/* ---- pointers ---- */

/* The one copied object's other half: the library's definition, which is not the program's. */
static void reach_copied(struct reach *reach, const struct way *way, uint32_t module,
			 const struct elf_reloc *pointer)
{
	const struct elf_symbol *wanted = &reach->modules[module].file->dynsyms[pointer->symbol];

	for (uint32_t i = 0; i < reach->nr_modules; i++) {
		const uint32_t index = i == module ? 0 : find_in(&reach->modules[i], wanted);

		if (index) {
			reach_symbol(reach, way, i, index);
			return;
		}
	}
}

static void follow_pointer(struct reach *reach, const struct way *way, uint32_t index)
{
	struct module *module = &reach->modules[way->module];
	const struct elf_reloc *pointer = &module->code->pointers[index];
	uint32_t to_module, to_symbol;
	struct way taken = *way;

	taken.is_call = false;
	taken.is_taken = true;
	if (way->is_taken && module->taken[index])
		return;
	module->taken[index] |= way->is_taken;
	module->bound[index] = true;
	switch (pointer->type) {
	case R_X86_64_RELATIVE:
		reach_address(reach, way, way->module, (uint64_t)pointer->addend);
		return;
	case R_X86_64_IRELATIVE:
		reach_address(reach, &taken, way->module, (uint64_t)pointer->addend);
		return;
	case R_X86_64_COPY:
		reach_copied(reach, way, way->module, pointer);
		return;
	case R_X86_64_64:
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
		if (!reach_bind(reach, way->module, pointer->symbol, &to_module, &to_symbol))
			return;
		reach_symbol(reach, way, to_module, to_symbol);
		if (pointer->addend &&
		    !is_function(&reach->modules[to_module].file->dynsyms[to_symbol]))
			reach_piece(reach, to_module,
				    reach->modules[to_module].file->dynsyms[to_symbol].value +
					    (uint64_t)pointer->addend);
		return;
	}
}

static void follow_range(struct reach *reach, const struct way *way, uint64_t start, uint64_t end)
{
	const struct code *code = reach->modules[way->module].code;

	for (uint32_t i = code_pointer_from(code, start);
	     i < code->nr_pointers && code->pointers[i].address < end; i++)
		follow_pointer(reach, way, i);
}

static void follow_slot(struct reach *reach, const struct way *way, uint64_t vaddr)
{
	follow_range(reach, way, vaddr, vaddr + 8);
}

/* ---- names that dlsym is given ---- */

static bool is_name(const char *text)
{
	size_t len = 0;

	if (!isalpha((unsigned char)*text) && *text != '_')
		return false;
	while (text[len] && len < NAME_MAX_BYTES) {
		if (!isalnum((unsigned char)text[len]) && text[len] != '_')
			return false;
		len++;
	}
	return len > 1 && len < NAME_MAX_BYTES;
}

/* "libNAME.so", "NAME.so.1": something that dlopen takes. */
static bool is_library(const char *text)
{
	const char *end = strstr(text, ".so");

	if (!end || end == text || strlen(text) >= NAME_MAX_BYTES || strpbrk(text, " %*\n:,"))
		return false;
	for (end += 3; *end; end++) {
		if (*end != '.' && !isdigit((unsigned char)*end))
			return false;
	}
	return true;
}

static void add_opened(struct reach *reach, const char *name)
{
	const char **opened;

	for (size_t i = 0; i < reach->nr_opened; i++) {
		if (strcmp(reach->opened[i], name) == 0)
			return;
	}
	opened = realloc(reach->opened, (reach->nr_opened + 1) * sizeof(*opened));
	if (!opened) {
		reach->err = -ENOMEM;
		return;
	}
	reach->opened = opened;
	opened[reach->nr_opened++] = name;
}

static void look_up(struct reach *reach, uint32_t module, uint64_t vaddr)
{
	const struct module *from = &reach->modules[module];
	const char *name;

	if (!from->looks_up_names && !from->is_libc && !from->opens_files)
		return;
	name = elf_file_string(from->file, vaddr);
	if (!name)
		return;
	if (from->opens_files && is_library(name))
		add_opened(reach, name);
	if (!is_name(name) || (!from->looks_up_names && !from->is_libc))
		return;
	for (uint32_t i = 0; i < reach->nr_modules; i++) {
		const struct way way = { i, CODE_NONE, false, true, 0 };
		uint32_t at = 0, index;

		if (i == module && !from->looks_up_names)
			continue;
		while ((index = code_find_symbol(reach->modules[i].code, name, &at)))
			reach_symbol(reach, &way, i, index);
	}
}

/* ---- data ---- */

static uint32_t split_of(const struct code *code, uint32_t start)
{
	return (uint32_t)LOWER_BOUND(code->splits, code->nr_splits, , start);
}

static void mark_piece(struct reach *reach, uint32_t index, uint32_t start)
{
	struct module *module = &reach->modules[index];
	const uint32_t split = split_of(module->code, start);

	if (split >= module->code->nr_splits || module->pieces[split])
		return;
	module->pieces[split] = true;
	add_work(reach, &(struct reach_work){ index, split, true });
}

/* All that a reached piece points to. */
static void look_at_piece(struct reach *reach, uint32_t index, uint32_t split)
{
	const struct code *code = reach->modules[index].code;
	const struct way way = { index, CODE_NONE, false, true, 0 };
	const uint64_t start = code->splits[split];
	const uint64_t end = split + 1 < code->nr_splits ? code->splits[split + 1]
							 : ELF_FILE_MAX_VADDR;

	for (uint32_t i = code_pointer_from(code, start);
	     i < code->nr_pointers && code->pointers[i].address < end; i++) {
		const struct elf_reloc *pointer = &code->pointers[i];

		if (pointer->type == R_X86_64_RELATIVE)
			look_up(reach, index, (uint64_t)pointer->addend);
		/* slots of the GOT belong to whoever refers to them by address */
		if (pointer->type != R_X86_64_JUMP_SLOT && pointer->type != R_X86_64_GLOB_DAT)
			follow_pointer(reach, &way, i);
	}
}

/*
 * Compilers fold an index's constant part into the address (table[c - 'a']): an address close
 * before a piece, with nothing that points in between, may stand for that one.
 */
static void reach_piece(struct reach *reach, uint32_t index, uint64_t vaddr)
{
	const struct code *code = reach->modules[index].code;
	uint32_t start, end, pointer;

	if (!elf_file_segment(reach->modules[index].file, vaddr))
		return;
	code_piece(code, vaddr, &start, &end);
	mark_piece(reach, index, start);
	pointer = code_pointer_from(code, vaddr);
	if (vaddr == start || end - vaddr > BEFORE_PIECE_BYTES || pointer >= code->nr_pointers ||
	    code->pointers[pointer].address < end)
		return;
	code_piece(code, end, &start, &end);
	mark_piece(reach, index, start);
}

/* ---- roots ---- */

static void reach_root(struct reach *reach, uint32_t module, uint64_t vaddr)
{
	const struct way way = { module, CODE_NONE, false, true, 0 };

	if (vaddr)
		reach_address(reach, &way, module, vaddr);
}

static void reach_exports(struct reach *reach, uint32_t module)
{
	const struct elf_file *file = reach->modules[module].file;
	const struct way way = { module, CODE_NONE, false, true, 0 };

	for (uint32_t i = 1; i < file->nr_dynsyms; i++) {
		if (file->dynsyms[i].defined && file->dynsyms[i].type != STT_NOTYPE)
			reach_symbol(reach, &way, module, i);
	}
}

static bool is_called_by_start(const struct elf_section *section)
{
	return (section->flags & SHF_ALLOC) &&
	       (section->type == SHT_INIT_ARRAY || section->type == SHT_FINI_ARRAY ||
		section->type == SHT_PREINIT_ARRAY || strcmp(section->name, ".ctors") == 0 ||
		strcmp(section->name, ".dtors") == 0);
}

static void reach_constructors(struct reach *reach, uint32_t index)
{
	const struct module *module = &reach->modules[index];
	const struct elf_file *file = module->file;
	const struct way way = { index, CODE_NONE, false, true, 0 };
	const bool is_whole = reach->everything || module->code->is_go;

	/*
	 * Go finds methods by tables of offsets at run time (runtime.getitab); its linker has left
	 * out what no type or interface can reach.
	 */
	for (uint32_t i = 0; is_whole && i < module->code->nr_functions; i++)
		reach_function(reach, index, module->code->functions[i].start);
	reach_root(reach, index, file->init);
	reach_root(reach, index, file->fini);
	for (unsigned i = 0; i < 3; i++)
		follow_range(reach, &way, file->arrays[i].vaddr,
			     file->arrays[i].vaddr + file->arrays[i].size);
	for (unsigned i = 0; i < file->nr_sections; i++) {
		const struct elf_section *section = &file->sections[i];

		if (is_called_by_start(section))
			follow_range(reach, &way, section->vaddr, section->vaddr + section->size);
	}
	follow_range(reach, &way, file->tls_vaddr, file->tls_vaddr + file->tls_filesz);
	for (uint32_t i = 0; i < module->code->nr_pointers; i++) {
		if (module->code->pointers[i].type == R_X86_64_IRELATIVE || reach->whole_data)
			follow_pointer(reach, &way, i);
	}
}

static void reach_roots(struct reach *reach)
{
	for (uint32_t i = 0; i < reach->nr_modules && !reach->err; i++) {
		const struct module *module = &reach->modules[i];
		const bool is_direct_also = module->object->is_also && !module->object->is_opened &&
					    module->object->wanted_by < 0;

		if (i == 0 || module->object->is_interpreter)
			reach_root(reach, i, module->file->entry);
		if (is_direct_also || (i == 0 && !module->file->entry))
			reach_exports(reach, i);
		reach_constructors(reach, i);
	}
}

/* ---- the run ---- */

/* Is it a call, not a jump? Of what refers to a slot, by a PLT entry or directly. */
static bool pushes_return(const struct elf_file *file, uint64_t vaddr)
{
	const uint8_t *bytes = elf_file_at(file, vaddr, 6);

	/* bnd, addr32, notrack, data16: prefixes that linkers fill the place with */
	while (bytes && strchr("\xf2\x67\x3e\x66", *bytes) && *bytes)
		bytes = elf_file_at(file, ++vaddr, 5);
	return bytes && (*bytes == 0xe8 || (*bytes == 0xff && (bytes[1] >> 3 & 7) == 2));
}

static void look_at_ref(struct reach *reach, uint32_t module, const struct code_ref *ref)
{
	struct way way = { module, ref->from, false, false, 0 };

	switch ((enum code_ref_kind)ref->kind) {
	case CODE_CALL:
		way.is_call = true;
		reach_code(reach, &way, module, ref->to);
		break;
	case CODE_JUMP:
		reach_code(reach, &way, module, ref->to);
		break;
	case CODE_SLOT_CALL:
		way.is_call = pushes_return(reach->modules[module].file, ref->from);
		follow_slot(reach, &way, ref->to);
		break;
	case CODE_TAKEN:
		way.is_taken = true;
		reach_code(reach, &way, module, ref->to);
		break;
	case CODE_LOAD:
		way.is_taken = true;
		follow_slot(reach, &way, ref->to);
		break;
	case CODE_LOAD_WIDE:
		way.is_taken = true;
		follow_range(reach, &way, ref->to, ref->to + 64ull);
		break;
	case CODE_STORE:
		break;
	case CODE_DATA:
		reach_piece(reach, module, ref->to);
		look_up(reach, module, ref->to);
		break;
	}
}

static void look_at_function(struct reach *reach, uint32_t module, uint32_t index)
{
	const struct code *code = reach->modules[module].code;
	const struct code_function *function = &code->functions[index];

	for (uint32_t i = 0; i < function->nr_refs && !reach->err; i++)
		look_at_ref(reach, module, &code->refs[function->first_ref + i]);
}

static int compare_callers(const void *a, const void *b)
{
	const struct reach_caller *x = a, *y = b;

	if (x->to_module != y->to_module)
		return x->to_module < y->to_module ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	if (x->from_module != y->from_module)
		return x->from_module < y->from_module ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

const struct reach_caller *reach_callers(const struct reach *reach, uint32_t module, uint64_t vaddr,
					 size_t *nr)
{
	const struct reach_caller key = { .to_module = module, .to = (uint32_t)vaddr };
	size_t low = 0, high = reach->nr_callers, end;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (compare_callers(&reach->callers[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < reach->nr_callers; end++) {
		if (reach->callers[end].to_module != module || reach->callers[end].to != vaddr)
			break;
	}
	*nr = end - low;
	return reach->callers + low;
}

static bool *flags_new(uint32_t nr)
{
	return calloc(nr + 1ull, sizeof(bool));
}

static int prepare(struct module *module)
{
	uint32_t at = 0;

	module->reached = flags_new(module->code->nr_functions);
	module->pieces = flags_new(module->code->nr_splits);
	module->bound = flags_new(module->code->nr_pointers);
	module->taken = flags_new(module->code->nr_pointers);
	if (!module->reached || !module->pieces || !module->bound || !module->taken)
		return -ENOMEM;
	module->looks_up_names = module->object->is_interpreter;
	module->is_libc = code_find_symbol(module->code, "dlsym", &at) != 0;
	module->opens_files = module->is_libc;
	for (uint32_t i = 1; i < module->file->nr_dynsyms; i++) {
		const struct elf_symbol *symbol = &module->file->dynsyms[i];

		if (!symbol->defined &&
		    (strcmp(symbol->name, "dlsym") == 0 || strcmp(symbol->name, "dlvsym") == 0))
			module->looks_up_names = true;
		if (!symbol->defined &&
		    (strcmp(symbol->name, "dlopen") == 0 || strcmp(symbol->name, "dlmopen") == 0))
			module->opens_files = true;
	}
	return 0;
}

int reach_run(struct reach *reach)
{
	for (uint32_t i = 0; i < reach->nr_modules && !reach->err; i++)
		reach->err = prepare(&reach->modules[i]);
	if (!reach->err)
		reach_roots(reach);
	while (reach->nr_work && !reach->err) {
		const struct reach_work next = reach->work[--reach->nr_work];

		if (next.is_piece)
			look_at_piece(reach, next.module, next.index);
		else
			look_at_function(reach, next.module, next.index);
	}
	if (!reach->err && reach->nr_callers)
		qsort(reach->callers, reach->nr_callers, sizeof(*reach->callers), compare_callers);
	return reach->err;
}

bool reach_is_reached(const struct reach *reach, const char *name)
{
	for (uint32_t i = 0; i < reach->nr_modules; i++) {
		const struct module *module = &reach->modules[i];
		uint32_t at = 0, index, function;

		while ((index = code_find_symbol(module->code, name, &at))) {
			function = code_function_at(module->code,
						    module->file->dynsyms[index].value);
			if (function != CODE_NONE && module->reached[function])
				return true;
		}
	}
	return false;
}

void reach_fini(struct reach *reach)
{
	for (uint32_t i = 0; i < reach->nr_modules; i++) {
		free(reach->modules[i].reached);
		free(reach->modules[i].pieces);
		free(reach->modules[i].bound);
		free(reach->modules[i].taken);
	}
	free(reach->modules);
	free(reach->work);
	free(reach->callers);
	free(reach->opened);
	*reach = (struct reach){ 0 };
}
