/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search for a number (value.h), one instruction: what it makes of the query. It sets the place
 * that is asked for, to a constant or from another place, or it leaves it alone; what it does
 * otherwise ends this way of the search with a reason.
 */
#include <string.h>

#include "scan/value/value_search.h"

#define MAX_LEAF_OPS 400

static bool add_step(struct value_query *query, enum value_step_kind kind, unsigned width,
		     int64_t imm)
{
	if (query->nr_steps == VALUE_MAX_STEPS)
		return false;
	query->steps[query->nr_steps++] = (struct value_step){ (uint8_t)kind, (uint8_t)width, imm };
	return true;
}

static enum value_outcome fail(struct value_walk *walk, const char *why)
{
	value_unknown(walk->search, &walk->at, why);
	return IS_DONE;
}

static enum value_outcome constant(struct value_walk *walk, uint64_t value)
{
	value_constant(walk->search, &walk->at, &walk->item->query, value);
	return IS_DONE;
}

/*
 * The place holds the address of a slot: only adding and loading make sense of it. What is loaded
 * is the slot as it was when the load happened, not when the address was taken.
 */
static enum value_outcome stack_address(struct value_walk *walk, int32_t slot)
{
	struct value_item item = *walk->item;
	struct value_query *query = &item.query;
	int64_t at = slot;

	while (query->nr_steps) {
		const struct value_step *step = &query->steps[--query->nr_steps];

		at += step->imm;
		if (step->kind == STEP_LOAD && at > BODY_NO_DEPTH && at < INT32_MAX) {
			query->place = PLACE_SLOT;
			query->slot = (int32_t)at;
			item.op = query->load_op;
			value_push(walk->search, &item);
			return IS_DONE;
		}
		if (step->kind != STEP_ADD)
			break;
	}
	return fail(walk, "it is an address of the stack");
}

static enum value_outcome go_on_with(struct value_walk *walk, uint8_t reg)
{
	if (reg >= 16)
		return fail(walk, "it is part of a register or a segment's");
	walk->item->query.place = PLACE_REGISTER;
	walk->item->query.reg = reg;
	return GOES_ON;
}

/* The content of the op's memory operand, of `width` bytes. */
static enum value_outcome load(struct value_walk *walk, unsigned width)
{
	struct value_query *query = &walk->item->query;
	const struct op *op = walk->op;
	int32_t slot;

	if (width < 4)
		return fail(walk, "it is loaded from memory as a byte or two");
	if (value_slot_of(op, &slot)) {
		query->place = PLACE_SLOT;
		query->slot = slot;
		return GOES_ON;
	}
	if (op->index != BODY_NO_REGISTER)
		return fail(walk, "it is loaded from a table");
	if (op->is_rip_relative || op->base == BODY_NO_REGISTER) {
		value_global(walk->search, &walk->at, query, (uint64_t)op->disp, width);
		return IS_DONE;
	}
	if (op->base >= 16)
		return fail(walk, "it is loaded from thread-local memory");
	if (op->base == BODY_RSP || !add_step(query, STEP_LOAD, width, op->disp))
		return fail(walk, "it is loaded from memory in a way that is not followed");
	query->load_op = (uint32_t)(op - walk->item->body->ops);
	return go_on_with(walk, op->base);
}

static enum value_outcome lea(struct value_walk *walk)
{
	struct value_query *query = &walk->item->query;
	const struct op *op = walk->op;
	int32_t slot;

	if (op->is_rip_relative || (op->base == BODY_NO_REGISTER && op->index == BODY_NO_REGISTER))
		return constant(walk, (uint64_t)op->disp);
	if (value_slot_of(op, &slot))
		return stack_address(walk, slot);
	if (op->index != BODY_NO_REGISTER || op->base >= 16 ||
	    !add_step(query, STEP_ADD, 8, op->disp))
		return fail(walk, "it is computed");
	return go_on_with(walk, op->base);
}

/* The op may leave the place as it is, or set it: the first is asked apart. */
static void ask_unchanged(struct value_walk *walk)
{
	struct value_item item = *walk->item;

	item.op = (uint32_t)(walk->op - item.body->ops);
	value_push(walk->search, &item);
}

static bool is_kept_by_abi(uint8_t reg)
{
	return reg == 3 || reg == BODY_RSP || reg == BODY_RBP || reg >= 12;
}

/*
 * Compilers know which registers a function of the same file leaves alone (gcc's -fipa-ra). Here a
 * function that calls none and does not write the register itself.
 */
static bool is_kept_by(struct value_walk *walk, uint8_t reg)
{
	const struct module *module = &walk->search->values->reach->modules[walk->item->module];
	const uint8_t *bytes = elf_file_at(module->file, walk->op->address, 5);
	const struct body *callee;
	uint32_t function;
	int32_t offset;

	if (!bytes || *bytes != 0xe8 || walk->op->len_bytes != 5)
		return false;
	memcpy(&offset, bytes + 1, sizeof(offset));
	function = code_function_at(module->code,
				    walk->op->address + 5 + (uint64_t)(int64_t)offset);
	if (function == CODE_NONE)
		return false;
	callee = value_body(walk->search->values, walk->item->module, function, &walk->search->err);
	if (!callee || callee->nr_ops > MAX_LEAF_OPS)
		return false;
	for (uint32_t i = 0; i < callee->nr_ops; i++) {
		const struct op *op = &callee->ops[i];

		if (op->kind == OP_CALL || (op->writes & 1u << reg) || op->is_indirect_jump)
			return false;
	}
	return true;
}

static enum value_outcome pass_call(struct value_walk *walk, uint8_t reg)
{
	if (is_kept_by_abi(reg) || (reg != BODY_RAX && is_kept_by(walk, reg)))
		return GOES_ON;
	if (value_never_returns(walk->search->values, walk->item->module, walk->op))
		return IS_DONE; /* what follows is entered by other ways alone */
	return fail(walk, reg == BODY_RAX ? "it is what a function returns"
					  : "it is in a register that a call may change");
}

/* The op sets the register that is asked for. */
static enum value_outcome pass_setting(struct value_walk *walk)
{
	struct value_query *query = &walk->item->query;
	const struct op *op = walk->op;

	switch ((enum op_kind)op->kind) {
	case OP_SET:
		return constant(walk, (uint64_t)op->imm);
	case OP_SET_LOW:
		/* the step that is added last comes first */
		if (!add_step(query, STEP_OR, 8, op->imm) || !add_step(query, STEP_AND, 8, ~0xffll))
			return fail(walk, "it is computed in a loop");
		return GOES_ON;
	case OP_COPY:
		if (op->src == BODY_RSP && op->rsp != BODY_NO_DEPTH)
			return stack_address(walk, op->rsp);
		if (op->width < 4)
			return fail(walk, "it is part of a register");
		return go_on_with(walk, op->src);
	case OP_SWAP:
		return go_on_with(walk, query->reg == op->dst ? op->src : op->dst);
	case OP_CHOOSE:
		ask_unchanged(walk);
		return go_on_with(walk, op->src);
	case OP_CHOOSE_LOAD:
		ask_unchanged(walk);
		return load(walk, op->width);
	case OP_LOAD:
		return load(walk, op->width);
	case OP_LEA:
		return lea(walk);
	case OP_ADD:
	case OP_AND:
	case OP_OR:
		if (!add_step(query,
			      op->kind == OP_ADD   ? STEP_ADD
			      : op->kind == OP_AND ? STEP_AND
						   : STEP_OR,
			      8, op->imm))
			return fail(walk, "it is computed in a loop");
		return GOES_ON;
	case OP_MASK:
		value_constant(walk->search, &walk->at, query, 0);
		return constant(walk, ~0ull);
	case OP_POP:
		if (op->rsp == BODY_NO_DEPTH)
			return fail(walk, "it is on the stack, at a depth that is not known");
		query->place = PLACE_SLOT;
		query->slot = op->rsp;
		return GOES_ON;
	default:
		return fail(walk, "it is computed");
	}
}

static enum value_outcome pass_register(struct value_walk *walk)
{
	const struct op *op = walk->op;
	const uint8_t reg = walk->item->query.reg;

	if (op->kind == OP_CALL)
		return pass_call(walk, reg);
	if (op->kind == OP_SYSCALL) {
		if (reg == BODY_RAX || reg == BODY_RCX || reg == BODY_R11)
			return fail(walk, "it is what a system call returns");
		return GOES_ON;
	}
	if (!(op->writes & 1u << reg))
		return GOES_ON;
	if (op->kind == OP_FLAG) {
		/* the byte of a register that was cleared, or that is extended after this */
		value_constant(walk->search, &walk->at, &walk->item->query, 0);
		return constant(walk, 1);
	}
	if ((op->kind == OP_POP || op->kind == OP_PUSH) && reg == BODY_RSP)
		return GOES_ON;
	return pass_setting(walk);
}

/* A store to a slot of the frame; from, of a push, below the stack pointer. */
static enum value_outcome pass_store(struct value_walk *walk, int32_t slot, unsigned width)
{
	const int64_t wanted = walk->item->query.slot;
	const struct op *op = walk->op;

	if (slot + (int64_t)width <= wanted || slot >= wanted + 4)
		return GOES_ON;
	if (slot != wanted || width < 4)
		return fail(walk, "it is stored in parts");
	if (op->kind == OP_OTHER)
		return fail(walk, "it is stored with other values at once");
	if (op->src == BODY_NO_REGISTER)
		return constant(walk, (uint64_t)op->imm);
	return go_on_with(walk, op->src);
}

static enum value_outcome pass_slot(struct value_walk *walk)
{
	struct value_query *query = &walk->item->query;
	const struct op *op = walk->op;
	int32_t slot;

	if (op->kind == OP_PUSH && op->rsp != BODY_NO_DEPTH)
		return pass_store(walk, op->rsp - 8, 8);
	if (op->kind == OP_CALL && !query->by_memory)
		query->by_memory = value_escapes(walk->item->body, query->slot);
	if (!op->stores || op->kind == OP_CALL || op->kind == OP_POP)
		return GOES_ON;
	if (op->is_rip_relative || op->base == BODY_NO_REGISTER)
		return GOES_ON;
	if (value_slot_of(op, &slot))
		return pass_store(walk, slot, op->width);
	if (!query->by_memory)
		query->by_memory = value_escapes(walk->item->body, query->slot);
	return GOES_ON;
}

enum value_outcome value_pass(struct value_walk *walk)
{
	return walk->item->query.place == PLACE_REGISTER ? pass_register(walk) : pass_slot(walk);
}
