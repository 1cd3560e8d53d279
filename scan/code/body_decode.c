/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction's effect on values (Intel SDM 2). What is not said exactly is OP_OTHER with
 * the registers that it may change, taken from Zydis's list of operands, the hidden ones too.
 */
#include <string.h>

#include "scan/code/body_decode.h"

/* 8 to 64-bit general registers to their number. */
static uint8_t number_of(ZydisRegister reg)
{
	const ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
								    reg);

	if (wide < ZYDIS_REGISTER_RAX || wide > ZYDIS_REGISTER_R15)
		return BODY_NO_REGISTER;
	return (uint8_t)(wide - ZYDIS_REGISTER_RAX);
}

static void set_memory(struct op *op, const ZydisDecodedOperand *operand)
{
	const ZydisDecodedOperandMem *memory = &operand->mem;

	op->has_memory = true;
	op->base = number_of(memory->base);
	op->index = number_of(memory->index);
	op->scale = memory->scale;
	op->disp = memory->disp.value;
	op->is_rip_relative = memory->base == ZYDIS_REGISTER_RIP;
	if (op->is_rip_relative)
		op->disp += (int64_t)op->address + op->len_bytes;
	/* fs: and gs: are other memory: of a kind that is never known */
	if (memory->segment == ZYDIS_REGISTER_FS || memory->segment == ZYDIS_REGISTER_GS)
		op->base = op->index = BODY_NO_REGISTER - 1;
}

static void set_writes(struct op *op, const ZydisDecodedInstruction *insn,
		       const ZydisDecodedOperand *operands)
{
	for (unsigned i = 0; i < insn->operand_count; i++) {
		const ZydisDecodedOperand *operand = &operands[i];
		uint8_t number;

		if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			set_memory(op, operand);
			op->stores |= (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
			op->width = (uint8_t)(operand->size / 8 > 64 ? 64 : operand->size / 8);
		}
		if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		number = number_of(operand->reg.value);
		op->wants_stack |= number == BODY_RSP;
		if (number < 16 && (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			op->writes |= (uint16_t)(1u << number);
	}
	op->wants_stack |= op->base == BODY_RSP;
}

static bool is_register(const ZydisDecodedOperand *operand)
{
	return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && number_of(operand->reg.value) < 16;
}

static bool is_high_byte(const ZydisDecodedOperand *operand)
{
	return operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       operand->reg.value >= ZYDIS_REGISTER_AH && operand->reg.value <= ZYDIS_REGISTER_BH;
}

/* mov and its extending forms, the destination a register of at least 32 bits. */
static void decode_move_in(struct op *op, const ZydisDecodedOperand *to,
			   const ZydisDecodedOperand *from)
{
	op->dst = number_of(to->reg.value);
	op->width = (uint8_t)(from->size / 8);
	if (from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		op->kind = OP_SET;
		op->imm = to->size == 32 ? (int64_t)(uint32_t)from->imm.value.u : from->imm.value.s;
	} else if (from->type == ZYDIS_OPERAND_TYPE_MEMORY) {
		op->kind = OP_LOAD;
	} else if (is_register(from) && !is_high_byte(from)) {
		op->kind = OP_COPY;
		op->src = number_of(from->reg.value);
	}
}

static void decode_mov(struct op *op, const ZydisDecodedInstruction *insn,
		       const ZydisDecodedOperand *operands)
{
	if (operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
		op->kind = OP_STORE;
		op->width = (uint8_t)(operands[0].size / 8);
		if (operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			op->imm = operands[1].imm.value.s;
		else if (is_register(&operands[1]) && !is_high_byte(&operands[1]))
			op->src = number_of(operands[1].reg.value);
		else
			op->src = BODY_NO_REGISTER - 1;
	} else if (is_register(&operands[0]) && operands[0].size >= 32) {
		decode_move_in(op, &operands[0], &operands[1]);
	} else if (is_register(&operands[0]) && operands[0].size == 8 &&
		   !is_high_byte(&operands[0]) &&
		   operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		op->kind = OP_SET_LOW;
		op->dst = number_of(operands[0].reg.value);
		op->imm = operands[1].imm.value.s & 0xff;
	}
	/* sign extension matters to numbers below 2^31 in no way */
	(void)insn;
}

static bool same_register(const ZydisDecodedOperand *operands)
{
	return is_register(&operands[0]) && operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       operands[0].reg.value == operands[1].reg.value;
}

/* Arithmetic of a register with a constant, and the idioms of zero and minus one. */
static void decode_arithmetic(struct op *op, const ZydisDecodedInstruction *insn,
			      const ZydisDecodedOperand *operands)
{
	const bool by_constant = operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	if (!is_register(&operands[0]) || operands[0].size < 32)
		return;
	op->dst = number_of(operands[0].reg.value);
	op->width = (uint8_t)(operands[0].size / 8);
	op->imm = by_constant ? operands[1].imm.value.s : 0;
	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_SUB:
		if (same_register(operands)) {
			op->kind = OP_SET;
		} else if (by_constant && insn->mnemonic == ZYDIS_MNEMONIC_SUB) {
			op->kind = OP_ADD;
			op->imm = -op->imm;
		}
		return;
	case ZYDIS_MNEMONIC_SBB:
		op->kind = same_register(operands) ? OP_MASK : OP_OTHER;
		return;
	case ZYDIS_MNEMONIC_ADD:
		op->kind = by_constant ? OP_ADD : OP_OTHER;
		return;
	case ZYDIS_MNEMONIC_AND:
		op->kind = by_constant ? OP_AND : OP_OTHER;
		return;
	case ZYDIS_MNEMONIC_OR:
		op->kind = by_constant ? OP_OR : OP_OTHER;
		if (by_constant && op->imm == -1) {
			op->kind = OP_SET;
			op->imm = op->width == 4 ? (int64_t)0xffffffff : -1;
		}
		return;
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_DEC:
		op->kind = OP_ADD;
		op->imm = insn->mnemonic == ZYDIS_MNEMONIC_INC ? 1 : -1;
		return;
	default:
		return;
	}
}

static void decode_stack(struct op *op, const ZydisDecodedInstruction *insn,
			 const ZydisDecodedOperand *operands)
{
	const ZydisDecodedOperand *operand = &operands[0];

	op->width = 8;
	op->wants_stack = true;
	if (insn->mnemonic == ZYDIS_MNEMONIC_POP) {
		op->kind = OP_POP;
		op->dst = is_register(operand) ? number_of(operand->reg.value) : BODY_NO_REGISTER;
		return;
	}
	op->kind = OP_PUSH;
	op->src = BODY_NO_REGISTER - 1; /* of memory: not known */
	if (is_register(operand))
		op->src = number_of(operand->reg.value);
	if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		op->src = BODY_NO_REGISTER;
		op->imm = operand->imm.value.s;
	}
}

static void decode_choice(struct op *op, const ZydisDecodedOperand *operands)
{
	op->dst = number_of(operands[0].reg.value);
	op->width = (uint8_t)(operands[0].size / 8);
	if (operands[1].type == ZYDIS_OPERAND_TYPE_MEMORY) {
		op->kind = OP_CHOOSE_LOAD;
	} else {
		op->kind = OP_CHOOSE;
		op->src = number_of(operands[1].reg.value);
	}
}

static void decode_other(struct op *op, const ZydisDecodedInstruction *insn,
			 const ZydisDecodedOperand *operands)
{
	const uint8_t dst = is_register(&operands[0]) ? number_of(operands[0].reg.value)
						      : BODY_NO_REGISTER;

	if (insn->meta.category == ZYDIS_CATEGORY_CMOV) {
		decode_choice(op, operands);
	} else if (insn->meta.category == ZYDIS_CATEGORY_SETCC && dst < 16 &&
		   !is_high_byte(&operands[0])) {
		op->kind = OP_FLAG;
		op->dst = dst;
	} else if (insn->mnemonic == ZYDIS_MNEMONIC_LEA && dst < 16) {
		op->kind = OP_LEA;
		op->dst = dst;
		op->width = (uint8_t)(operands[0].size / 8);
	} else if (insn->mnemonic == ZYDIS_MNEMONIC_XCHG && is_register(&operands[1]) && dst < 16 &&
		   operands[0].size == 64) {
		op->kind = OP_SWAP;
		op->dst = dst;
		op->src = number_of(operands[1].reg.value);
	} else if (insn->meta.category == ZYDIS_CATEGORY_CALL) {
		op->kind = OP_CALL;
		op->src = dst; /* of a call through a register */
	} else if (insn->mnemonic == ZYDIS_MNEMONIC_SYSCALL) {
		op->kind = OP_SYSCALL;
	}
}

static void decode_kind(struct op *op, const ZydisDecodedInstruction *insn,
			const ZydisDecodedOperand *operands)
{
	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		decode_mov(op, insn, operands);
		return;
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_SBB:
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_DEC:
		decode_arithmetic(op, insn, operands);
		return;
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_POP:
		decode_stack(op, insn, operands);
		return;
	case ZYDIS_MNEMONIC_CDQE: /* eax to rax: nothing to a number */
		op->kind = OP_COPY;
		op->dst = op->src = BODY_RAX;
		op->width = 4;
		return;
	default:
		decode_other(op, insn, operands);
	}
}

static void decode_control(struct op *op, const ZydisDecodedInstruction *insn, uint64_t *target)
{
	const bool is_jump = insn->meta.category == ZYDIS_CATEGORY_UNCOND_BR;
	const bool is_relative = insn->raw.imm[0].is_relative;

	if (is_relative)
		*target = op->address + op->len_bytes + (uint64_t)insn->raw.imm[0].value.s;
	op->is_branch = is_relative || is_jump || insn->meta.category == ZYDIS_CATEGORY_RET ||
			op->kind == OP_CALL;
	op->ends = is_jump || insn->meta.category == ZYDIS_CATEGORY_RET ||
		   insn->mnemonic == ZYDIS_MNEMONIC_UD2 || insn->mnemonic == ZYDIS_MNEMONIC_HLT;
	op->is_padding = insn->mnemonic == ZYDIS_MNEMONIC_NOP ||
			 insn->mnemonic == ZYDIS_MNEMONIC_INT3;
	op->is_indirect_jump = is_jump && !is_relative;
}

bool body_decode(const ZydisDecoder *decoder, const uint8_t *bytes, uint64_t len_bytes,
		 struct op *op, uint64_t *target)
{
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	memset(operands, 0, sizeof(operands[0]) * 2);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, bytes, len_bytes, &insn, operands)))
		return false;
	*target = 0;
	op->len_bytes = insn.length;
	op->dst = op->src = op->base = op->index = BODY_NO_REGISTER;
	op->branch = CODE_NONE;
	set_writes(op, &insn, operands);
	decode_kind(op, &insn, operands);
	decode_control(op, &insn, target);
	return true;
}
