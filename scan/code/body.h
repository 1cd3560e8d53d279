/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function's instructions, as far as values matter (value/): what each does to registers and
 * the stack, who can come before it, and how deep the stack is there.
 *
 * Depths count bytes from the stack pointer at the function's entry (where the return address
 * lies): -8 after one push. They are followed forwards through the function; so is the frame
 * pointer. A place that is reached with two depths has none.
 */
#pragma once
#include "scan/code/code.h"

#define BODY_NO_REGISTER \
	0xff /* else 0..15 as the SDM numbers them: RAX RCX RDX RBX RSP RBP RSI RDI R8... */
#define BODY_NO_DEPTH INT32_MIN
enum { BODY_RAX = 0, BODY_RCX = 1, BODY_RSP = 4, BODY_RBP = 5, BODY_R11 = 11 };

enum op_kind {
	OP_OTHER,   /* changes the registers in `writes`; to what, is not known */
	OP_SET,     /* dst = imm */
	OP_SET_LOW, /* the low byte of dst = imm */
	OP_COPY,    /* dst = src, zero-extended from `width` bytes */
	OP_CHOOSE,  /* dst = dst or src (a conditional move) */
	OP_SWAP,
	OP_LOAD,        /* dst = the memory operand, zero-extended from `width` bytes */
	OP_CHOOSE_LOAD, /* dst = dst or the memory operand */
	OP_STORE,       /* the memory operand = src, or imm where src is none */
	OP_LEA,         /* dst = the memory operand's address */
	OP_ADD,         /* dst += imm */
	OP_AND,         /* dst &= imm */
	OP_OR,          /* dst |= imm */
	OP_FLAG,        /* dst = 0 or 1: setcc */
	OP_MASK,        /* dst = 0 or -1: sbb same, same */
	OP_CALL,        /* a function; changes what the ABI lets it */
	OP_PUSH,        /* src, or imm */
	OP_POP,         /* dst */
	OP_SYSCALL,     /* changes RAX, RCX, R11 */
};

struct op {
	uint32_t address;
	uint8_t len_bytes;
	uint8_t kind;
	uint8_t dst, src;        /* registers */
	uint8_t base, index;     /* of the memory operand; BODY_NO_REGISTER: none */
	uint8_t scale, width;    /* width: of what is loaded, stored or copied, in bytes */
	uint16_t writes;         /* registers, a bit each */
	bool is_rip_relative;    /* then disp is the address */
	bool has_memory, stores; /* an operand in memory; it is written */
	bool ends;               /* control does not go on to the next */
	bool is_indirect_jump,
		is_target; /* is_target: more than the instruction before leads here */
	bool is_branch;
	bool is_padding, is_dead; /* nop, int3; such after a transfer of control */
	bool is_table_target;     /* the address is in a jump table of the function, or taken */
	bool wants_stack;         /* refers to RSP */
	int64_t imm, disp;
	uint32_t branch;  /* index of the op that it may go to; CODE_NONE: none in this function */
	int32_t rsp, rbp; /* depths before it */
};

/* The op `from` may be followed by `to`; sorted by `to`. */
struct body_edge {
	uint32_t to, from;
};

struct body {
	const struct code *code;
	const struct code_function *function;
	struct op *ops; /* one more follows, which is no instruction */
	uint32_t nr_ops;
	struct body_edge *edges; /* branches only, not the instruction before */
	uint32_t nr_edges;
	uint32_t nr_indirect_jumps, nr_tables; /* jump tables that were found */
	int32_t end_rsp;                       /* the depth behind the last op */
};

/* 0, -ENOMEM, -E2BIG for a function of absurd size. */
int body_new(struct body **body, const struct code *code, uint32_t function);
void body_free(struct body *body);
/* The op at an address; CODE_NONE: no instruction begins there. */
uint32_t body_op_at(const struct body *body, uint64_t vaddr);
/* The first edge to an op; CODE_NONE: none. */
uint32_t body_edges_to(const struct body *body, uint32_t op);
