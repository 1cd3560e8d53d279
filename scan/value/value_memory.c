/* SPDX-License-Identifier: BSD-2-Clause */
/* What the search for a number knows of memory: slots of the frame, constants, global variables. */
#include <string.h>

#include "scan/value/value_search.h"

#define ESCAPE_BYTES 512

bool value_slot_of(const struct op *op, int32_t *slot)
{
	const int32_t base = op->base == BODY_RSP   ? op->rsp
			     : op->base == BODY_RBP ? op->rbp
						    : BODY_NO_DEPTH;
	const int64_t at = (int64_t)base + op->disp;

	if (!op->has_memory || base == BODY_NO_DEPTH || op->index != BODY_NO_REGISTER ||
	    at <= BODY_NO_DEPTH || at >= INT32_MAX)
		return false;
	*slot = (int32_t)at;
	return true;
}

bool value_escapes(const struct body *body, int32_t slot)
{
	int32_t at;

	for (uint32_t i = 0; i < body->nr_ops; i++) {
		const struct op *op = &body->ops[i];

		if (op->kind == OP_COPY && op->src == BODY_RSP && op->dst != BODY_RBP)
			at = op->rsp;
		else if (op->kind != OP_LEA || op->dst == BODY_RSP || op->dst == BODY_RBP ||
			 !value_slot_of(op, &at))
			continue;
		if (at <= slot && slot - at < ESCAPE_BYTES)
			return true;
	}
	return false;
}

/* The code that a call leads to, by the file that has it; false: not known. */
static bool callee_of(const struct values *values, uint32_t module, const struct op *op,
		      uint32_t *to_module, uint64_t *to)
{
	const struct reach *reach = values->reach;
	const struct code *code = reach->modules[module].code;
	const uint8_t *bytes = elf_file_at(code->file, op->address, op->len_bytes);
	uint32_t pointer, symbol;
	uint64_t slot = 0;
	int32_t offset;

	*to_module = module;
	if (bytes && *bytes == 0xe8 && op->len_bytes == 5) {
		memcpy(&offset, bytes + 1, sizeof(offset));
		*to = op->address + 5 + (uint64_t)(int64_t)offset;
		slot = code_thunk_slot(code->file, *to);
		if (!slot)
			return true;
	} else if (op->is_rip_relative) {
		slot = (uint64_t)op->disp;
	}
	pointer = slot ? code_pointer_from(code, slot) : code->nr_pointers;
	if (pointer >= code->nr_pointers || code->pointers[pointer].address != slot ||
	    !code->pointers[pointer].symbol ||
	    !reach_bind(reach, module, code->pointers[pointer].symbol, to_module, &symbol))
		return false;
	*to = reach->modules[*to_module].file->dynsyms[symbol].value;
	return true;
}

bool value_never_returns(struct values *values, uint32_t module, const struct op *op)
{
	const struct body *body;
	uint32_t function;
	uint64_t to;
	int err = 0;

	if (!callee_of(values, module, op, &module, &to))
		return false;
	function = code_function_at(values->reach->modules[module].code, to);
	if (function == CODE_NONE ||
	    values->reach->modules[module].code->functions[function].start != to)
		return false;
	body = value_body(values, module, function, &err);
	for (uint32_t i = 0; body && i < body->nr_ops; i++) {
		const struct op *last = &body->ops[i];

		/* a return, a jump elsewhere, or through a pointer */
		if (last->ends && last->is_branch && last->branch == CODE_NONE)
			return false;
		if (last->is_branch && last->kind != OP_CALL && last->branch == CODE_NONE)
			return false;
	}
	return body && body->nr_ops;
}

/* Each store to the variable by its address, in code that is reached. */
static void ask_stores(struct value_search *search, const struct value_at *at,
		       const struct value_query *query, uint64_t vaddr)
{
	const struct module *module = &search->values->reach->modules[at->module];
	const struct code *code = module->code;

	for (uint32_t f = 0; f < code->nr_functions; f++) {
		const struct code_function *function = &code->functions[f];

		for (uint32_t i = 0; module->reached[f] && i < function->nr_refs; i++) {
			const struct code_ref *ref = &code->refs[function->first_ref + i];
			struct value_item item = { .module = at->module, .query = *query };
			const struct op *op;

			if ((ref->kind != CODE_LOAD && ref->kind != CODE_STORE) || ref->to != vaddr)
				continue;
			item.body = value_body(search->values, at->module, f, &search->err);
			item.op = item.body ? body_op_at(item.body, ref->from) : CODE_NONE;
			if (item.op == CODE_NONE)
				continue;
			op = &item.body->ops[item.op];
			if (!op->stores || !op->is_rip_relative)
				continue;
			item.query.place = PLACE_REGISTER;
			item.query.load_op = item.op;
			item.query.reg = op->src;
			if (op->kind == OP_STORE && op->src == BODY_NO_REGISTER)
				value_constant(search,
					       &(struct value_at){ at->module, op->address }, query,
					       (uint64_t)op->imm);
			else if (op->kind == OP_STORE && op->src < 16)
				value_push(search, &item);
			else
				value_unknown(
					search, &(struct value_at){ at->module, op->address },
					"a global variable is set in a way that is not followed");
		}
	}
}

static bool pointer_at(struct value_search *search, const struct value_at *at, uint64_t vaddr,
		       uint32_t *module, uint64_t *value)
{
	const struct reach *reach = search->values->reach;
	const struct code *code = reach->modules[at->module].code;
	const uint32_t index = code_pointer_from(code, vaddr);
	const struct elf_reloc *pointer = &code->pointers[index];
	uint32_t symbol;

	if (index >= code->nr_pointers || pointer->address != vaddr)
		return false;
	*module = at->module;
	*value = (uint64_t)pointer->addend;
	if (pointer->type == R_X86_64_RELATIVE)
		return true;
	if (pointer->type != R_X86_64_GLOB_DAT && pointer->type != R_X86_64_64)
		return false;
	if (!reach_bind(reach, at->module, pointer->symbol, module, &symbol))
		return false;
	*value += reach->modules[*module].file->dynsyms[symbol].value;
	return true;
}

/* Where the loader sets pointers before it makes them read-only. */
static bool is_written(const struct elf_file *file, uint64_t vaddr)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);
	const struct elf_section *relro = elf_file_section(file, ".data.rel.ro");
	const struct elf_section *got = elf_file_section(file, ".got");

	if (relro && vaddr >= relro->vaddr && vaddr - relro->vaddr < relro->size)
		return false;
	if (got && vaddr >= got->vaddr && vaddr - got->vaddr < got->size)
		return false;
	return segment && segment->writable;
}

void value_global(struct value_search *search, const struct value_at *at,
		  const struct value_query *query, uint64_t vaddr, unsigned width)
{
	const struct elf_file *file = search->values->reach->modules[at->module].file;
	const uint8_t *bytes = elf_file_at(file, vaddr, width);
	struct value_query next = *query;
	uint64_t value = 0;
	uint32_t module;

	if (!elf_file_segment(file, vaddr) || width < 4 || width > 8 ||
	    code_contains(file, vaddr)) {
		value_unknown(search, at, "it is loaded from an address outside of the file");
		return;
	}
	if (pointer_at(search, at, vaddr, &module, &value)) {
		const struct value_at there = { module, at->address };

		value_constant(search, module == at->module ? at : &there, query, value);
		return;
	}
	if (bytes)
		memcpy(&value, bytes, width);
	if (!is_written(file, vaddr)) {
		value_constant(search, at, query, value);
		return;
	}
	next.by_memory = true;
	/* a variable that starts as 0 is one that is set before it is used */
	if (value)
		value_constant(search, at, &next, value);
	ask_stores(search, at, &next, vaddr);
}
