/* SPDX-License-Identifier: BSD-2-Clause */
/* A function's instructions with their order and the stack's depth (body.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/code/body_decode.h"
#include "scan/lower_bound.h"

#define MAX_OPS   (1u << 20)
#define TABLE_MAX 65536

/* After `and $-16, %rsp` it is not known how far that moved: far from all other depths, then. */
#define ALIGNED_DEPTH (1 << 24)

struct targets {
	uint64_t *addresses; /* of the ops' branches; 0: none */
};

/* A byte an instruction at least was the room; what was not used is given back. */
static int shrink(struct body *body)
{
	struct op *ops = realloc(body->ops, (body->nr_ops + 1ull) * sizeof(*ops));

	if (!ops)
		return -ENOMEM;
	body->ops = ops;
	ops[body->nr_ops] = (struct op){ .address = CODE_NONE, .branch = CODE_NONE };
	return 0;
}

static int decode_all(struct body *body, struct targets *targets)
{
	const struct code_function *function = body->function;
	const uint32_t size = function->end - function->start;
	const uint8_t *bytes = elf_file_at(body->code->file, function->start, size);
	ZydisDecoder decoder;

	if (!bytes || size > MAX_OPS * 4)
		return -E2BIG;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	body->ops = calloc(size + 1ull, sizeof(*body->ops));
	targets->addresses = calloc(size + 1ull, sizeof(*targets->addresses));
	if (!body->ops || !targets->addresses)
		return -ENOMEM;
	for (uint32_t at = 0; at < size;) {
		struct op *op = &body->ops[body->nr_ops];

		op->address = function->start + at;
		if (!body_decode(&decoder, bytes + at, size - at, op,
				 &targets->addresses[body->nr_ops])) {
			at++;
			continue;
		}
		at += op->len_bytes;
		body->nr_ops++;
	}
	return shrink(body);
}

uint32_t body_op_at(const struct body *body, uint64_t vaddr)
{
	const size_t at = LOWER_BOUND(body->ops, body->nr_ops, .address, vaddr);

	return at < body->nr_ops && body->ops[at].address == vaddr ? (uint32_t)at : CODE_NONE;
}

uint32_t body_edges_to(const struct body *body, uint32_t op)
{
	const size_t at = LOWER_BOUND(body->edges, body->nr_edges, .to, op);

	return at < body->nr_edges && body->edges[at].to == op ? (uint32_t)at : CODE_NONE;
}

static int compare_edges(const void *a, const void *b)
{
	const struct body_edge *x = a, *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

static int connect(struct body *body, const struct targets *targets)
{
	body->edges = malloc((body->nr_ops + 1ull) * sizeof(*body->edges));
	if (!body->edges)
		return -ENOMEM;
	for (uint32_t i = 0; i < body->nr_ops; i++) {
		struct op *op = &body->ops[i];
		const uint32_t to = targets->addresses[i] ? body_op_at(body, targets->addresses[i])
							  : CODE_NONE;

		body->nr_indirect_jumps += op->is_indirect_jump && !op->is_rip_relative;
		if (to == CODE_NONE)
			continue;
		body->ops[to].is_target = true;
		if (op->kind == OP_CALL)
			continue; /* of itself: a caller, not an edge */
		op->branch = to;
		body->edges[body->nr_edges++] = (struct body_edge){ to, i };
	}
	qsort(body->edges, body->nr_edges, sizeof(*body->edges), compare_edges);
	return 0;
}

static bool mark_table_target(struct body *body, uint64_t vaddr)
{
	uint32_t op;

	if (vaddr <= body->function->start || vaddr >= body->function->end)
		return false;
	op = body_op_at(body, vaddr);
	if (op != CODE_NONE)
		body->ops[op].is_table_target = body->ops[op].is_target = true;
	return op != CODE_NONE;
}

/* A table of 32-bit offsets at vaddr. Where it is none, some ops count as targets for nothing. */
static bool read_table(struct body *body, uint64_t vaddr)
{
	const struct elf_segment *segment = elf_file_segment(body->code->file, vaddr);
	bool is_table = false;

	if (!segment || segment->writable)
		return false;
	for (unsigned i = 0; i < TABLE_MAX; i++) {
		const uint8_t *bytes = elf_file_at(body->code->file, vaddr + i * 4ull, 4);
		int32_t offset;

		if (!bytes)
			break;
		memcpy(&offset, bytes, sizeof(offset));
		if (!code_contains(body->code->file, vaddr + (uint64_t)(int64_t)offset))
			break;
		is_table |= mark_table_target(body, vaddr + (uint64_t)(int64_t)offset);
	}
	return is_table;
}

/* Where a function is entered but by branches: tables, taken addresses, pointers in data. */
static void mark_entries(struct body *body)
{
	const struct code *code = body->code;
	const struct code_function *function = body->function;

	for (uint32_t i = 0; i < function->nr_refs; i++) {
		const struct code_ref *ref = &code->refs[function->first_ref + i];

		if (ref->kind == CODE_DATA && body->nr_indirect_jumps)
			body->nr_tables += read_table(body, ref->to);
		else if (ref->kind == CODE_TAKEN)
			mark_table_target(body, ref->to);
	}
	for (uint32_t i = 0; i < code->nr_pointers && body->nr_indirect_jumps; i++) {
		if (code->pointers[i].type == R_X86_64_RELATIVE)
			mark_table_target(body, (uint64_t)code->pointers[i].addend);
	}
}

/* ---- depths ---- */

/*
 * After a call that may not return, into code that is branched to as well, the depth is weak: it
 * yields to one that came by branches alone, and all that follows it is weak too.
 */
enum quality { UNSEEN, WEAK, SOLID };

struct depths {
	int32_t rsp, rbp;
	uint8_t quality;
};

static int32_t moved(int32_t depth, int64_t by)
{
	if (depth == BODY_NO_DEPTH || by > (1 << 26) || by < -(1 << 26))
		return BODY_NO_DEPTH;
	return depth + (int32_t)by;
}

/* Depths after an op, of those before it. */
static struct depths after(const struct op *op, struct depths depths)
{
	const struct depths before = depths;

	switch ((enum op_kind)op->kind) {
	case OP_PUSH:
		depths.rsp = moved(depths.rsp, -8);
		return depths;
	case OP_POP:
		depths.rsp = moved(depths.rsp, 8);
		if (op->dst == BODY_RBP)
			depths.rbp = BODY_NO_DEPTH;
		return depths;
	case OP_CALL:
		return depths;
	case OP_ADD:
		if (op->dst == BODY_RSP)
			depths.rsp = moved(depths.rsp, op->imm);
		if (op->dst == BODY_RBP)
			depths.rbp = moved(depths.rbp, op->imm);
		return depths;
	case OP_AND:
		if (op->dst == BODY_RSP)
			depths.rsp = moved(depths.rsp, -ALIGNED_DEPTH);
		return depths;
	case OP_COPY:
		if (op->dst == BODY_RSP)
			depths.rsp = op->src == BODY_RBP ? before.rbp : BODY_NO_DEPTH;
		if (op->dst == BODY_RBP)
			depths.rbp = op->src == BODY_RSP ? before.rsp : BODY_NO_DEPTH;
		return depths;
	case OP_LEA:
		if (op->dst == BODY_RSP || op->dst == BODY_RBP) {
			int32_t base = op->base == BODY_RSP   ? before.rsp
				       : op->base == BODY_RBP ? before.rbp
							      : BODY_NO_DEPTH;

			if (op->index != BODY_NO_REGISTER)
				base = BODY_NO_DEPTH;
			base = moved(base, op->disp);
			*(op->dst == BODY_RSP ? &depths.rsp : &depths.rbp) = base;
		}
		return depths;
	default:
		if (op->writes & 1u << BODY_RSP)
			depths.rsp = BODY_NO_DEPTH;
		if (op->writes & 1u << BODY_RBP)
			depths.rbp = BODY_NO_DEPTH;
		return depths;
	}
}

/* Lowers *at to what `now` agrees with; true: it changed. */
static bool join(int32_t *at, int32_t now)
{
	if (*at == now || *at == BODY_NO_DEPTH)
		return false;
	*at = BODY_NO_DEPTH;
	return true;
}

struct flow {
	struct body *body;
	uint8_t *quality;
	bool *queued;
	uint32_t *queue;
	uint32_t nr_queue;
	struct depths tables; /* where all jumps through tables meet; UNSEEN: none yet */
};

/* Is anything of `at` changed by what comes from one more place? */
static bool meet(struct depths *at, struct depths from)
{
	bool changed;

	if (at->quality != from.quality) {
		changed = at->quality < from.quality;
		if (changed)
			*at = from;
		return changed;
	}
	changed = join(&at->rsp, from.rsp);
	changed |= join(&at->rbp, from.rbp);
	return changed;
}

static void enter(struct flow *flow, uint32_t index, struct depths depths)
{
	struct op *op = &flow->body->ops[index];
	struct depths at = { op->rsp, op->rbp, flow->quality[index] };

	if (!meet(&at, depths))
		return;
	op->rsp = at.rsp;
	op->rbp = at.rbp;
	flow->quality[index] = at.quality;
	if (flow->queued[index])
		return;
	flow->queued[index] = true;
	flow->queue[flow->nr_queue++] = index;
}

/* Any jump through a table may lead to any target of one: they meet first, then go there. */
static void enter_tables(struct flow *flow, struct depths depths)
{
	const struct body *body = flow->body;

	if (!meet(&flow->tables, depths))
		return;
	for (uint32_t i = 0; i < body->nr_ops; i++) {
		if (body->ops[i].is_table_target)
			enter(flow, i, flow->tables);
	}
}

/* Is the instruction before it, but for padding, a call? */
static bool is_behind_call(const struct body *body, uint32_t index)
{
	while (--index > 0 && body->ops[index].is_padding && !body->ops[index].is_target)
		;
	return body->ops[index].kind == OP_CALL;
}

/* Each op changes at most three times a quality (two depths, to none), which bounds the loop. */
static void flow_run(struct flow *flow)
{
	struct body *body = flow->body;

	while (flow->nr_queue) {
		const uint32_t index = flow->queue[--flow->nr_queue];
		const struct op *op = &body->ops[index];
		struct depths depths =
			after(op, (struct depths){ op->rsp, op->rbp, flow->quality[index] });

		flow->queued[index] = false;
		if (op->branch != CODE_NONE)
			enter(flow, op->branch, depths);
		if (op->is_indirect_jump)
			enter_tables(flow, depths);
		if (op->ends || index + 1 >= body->nr_ops)
			continue;
		if (body->ops[index + 1].is_target && is_behind_call(body, index + 1))
			depths.quality = WEAK;
		enter(flow, index + 1, depths);
	}
}

static int32_t end_depth(const struct body *body)
{
	const struct op *last = &body->ops[body->nr_ops - 1];

	return after(last, (struct depths){ last->rsp, last->rbp, SOLID }).rsp;
}

static int measure_depths(struct body *body)
{
	struct flow flow = { .body = body };
	const struct depths entry = { 0, BODY_NO_DEPTH, SOLID };
	bool has_memory;

	flow.quality = calloc(body->nr_ops + 1ull, sizeof(uint8_t));
	flow.queued = calloc(body->nr_ops + 1ull, sizeof(bool));
	flow.queue = calloc(body->nr_ops + 1ull, sizeof(uint32_t));
	has_memory = flow.quality && flow.queued && flow.queue;
	for (uint32_t i = 0; i < body->nr_ops; i++)
		body->ops[i].rsp = body->ops[i].rbp = BODY_NO_DEPTH;
	if (has_memory && body->nr_ops) {
		enter(&flow, 0, entry);
		flow_run(&flow);
		body->end_rsp = end_depth(body);
	}
	free(flow.quality);
	free(flow.queued);
	free(flow.queue);
	return has_memory ? 0 : -ENOMEM;
}

/* What fills the space between blocks is never run: it falls into what follows it, on paper. */
static void mark_dead(struct body *body)
{
	for (uint32_t i = 1; i < body->nr_ops; i++) {
		struct op *op = &body->ops[i];

		op->is_dead = op->is_padding && !op->is_target && (op[-1].ends || op[-1].is_dead);
	}
}

int body_new(struct body **result, const struct code *code, uint32_t function)
{
	struct body *body = calloc(1, sizeof(*body));
	struct targets targets = { 0 };
	int err;

	if (!body)
		return -ENOMEM;
	body->code = code;
	body->function = &code->functions[function];
	err = decode_all(body, &targets);
	if (err == 0)
		err = connect(body, &targets);
	if (err == 0) {
		mark_entries(body);
		mark_dead(body);
		err = measure_depths(body);
	}
	free(targets.addresses);
	if (err)
		body_free(body);
	else
		*result = body;
	return err;
}

void body_free(struct body *body)
{
	if (!body)
		return;
	free(body->ops);
	free(body->edges);
	free(body);
}
