/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search for a number (value.h), at a function's entry, or any other place that control comes
 * to from elsewhere: the query goes on in each caller, a slot counted in the caller's frame. Where
 * the function's address was taken the callers are not known; two shapes of such code are followed.
 */
#include "scan/value/value_search.h"

#define MAX_CALLS 24 /* frames up */

static void ask_caller(struct value_search *search, const struct value_item *item,
		       const struct reach_caller *caller, const struct value_at *at)
{
	const struct module *module = &search->values->reach->modules[caller->from_module];
	const uint32_t function = code_function_at(module->code, caller->from);
	struct value_item up = { .module = caller->from_module, .query = item->query };

	if (function == CODE_NONE || !module->reached[function])
		return;
	up.body = value_body(search->values, caller->from_module, function, &search->err);
	up.op = up.body ? body_op_at(up.body, caller->from) : CODE_NONE;
	if (up.op == CODE_NONE) {
		value_unknown(search, at, "a caller could not be decoded");
		return;
	}
	/* a function that runs on into the next: its last instruction counts */
	up.op += !up.body->ops[up.op].is_branch;
	up.query.by_argument = item->query.by_argument || up.body->ops[up.op].is_branch;
	up.query.load_op = up.op;
	up.query.calls++;
	if (up.query.place == PLACE_SLOT) {
		const int32_t depth = up.op < up.body->nr_ops ? up.body->ops[up.op].rsp
							      : up.body->end_rsp;

		if (depth == BODY_NO_DEPTH || item->query.slot < 8) {
			value_unknown(search, at, "it is on the stack, in a place never stored to");
			return;
		}
		up.query.slot += depth - (caller->is_call ? 8 : 0);
	}
	value_push(search, &up);
}

/*
 * Code that loads a function's address into a register for several calls (`mov slot(%rip),%r15`,
 * then `call *%r15`): with nothing but calls to be seen of the register, they are the callers.
 */
static bool is_only_called(const struct body *body, const struct op *load)
{
	for (const struct op *op = body->ops; op < body->ops + body->nr_ops; op++) {
		/* pushes before the load save what the caller had there */
		if (op->kind != OP_CALL && (op->kind != OP_PUSH || op > load) &&
		    (op->src == load->dst || op->base == load->dst || op->index == load->dst))
			return false;
	}
	return load->kind == OP_LOAD && load->dst < 16;
}

static bool ask_calls_by_register(struct value_search *search, const struct value_item *item,
				  const struct reach_caller *taker)
{
	const struct module *module = &search->values->reach->modules[taker->from_module];
	const uint32_t function = code_function_at(module->code, taker->from);
	struct value_item up = { .module = taker->from_module, .query = item->query };
	uint8_t reg;

	if (function == CODE_NONE || item->query.place != PLACE_REGISTER)
		return false;
	up.body = value_body(search->values, taker->from_module, function, &search->err);
	up.op = up.body ? body_op_at(up.body, taker->from) : CODE_NONE;
	if (up.op == CODE_NONE || !is_only_called(up.body, &up.body->ops[up.op]))
		return false;
	reg = up.body->ops[up.op].dst;
	up.query.by_argument = true;
	up.query.calls++;
	for (up.op = 0; up.op < up.body->nr_ops; up.op++) {
		up.query.load_op = up.op;
		if (up.body->ops[up.op].kind == OP_CALL && up.body->ops[up.op].src == reg)
			value_push(search, &up);
	}
	return true;
}

/*
 * A function whose address is handed over in a call, and which loads the number through its
 * argument: the call hands over what the function will be given, most likely (musl's setxid and
 * __synccall). What is found so is assumed, and the site stays unknown.
 */
static void ask_context(struct value_search *search, const struct value_item *item,
			const struct reach_caller *taker)
{
	static const uint8_t arguments[] = { 7, 6, 2, BODY_RCX, 8, 9 };
	const struct value_query *query = &item->query;
	const struct module *module = &search->values->reach->modules[taker->from_module];
	const uint32_t function = code_function_at(module->code, taker->from);
	struct value_item up = { .module = taker->from_module, .query = *query };
	const struct body *body;

	if (function == CODE_NONE || query->place != PLACE_REGISTER || !query->nr_steps ||
	    query->steps[query->nr_steps - 1].kind != STEP_LOAD)
		return;
	body = value_body(search->values, taker->from_module, function, &search->err);
	up.body = body;
	up.op = body ? body_op_at(body, taker->from) : CODE_NONE;
	while (up.op < (body ? body->nr_ops : 0) && !body->ops[up.op].is_branch)
		up.op++;
	if (!body || up.op >= body->nr_ops || body->ops[up.op].kind != OP_CALL)
		return;
	up.query.load_op = up.op;
	up.query.by_memory = true;
	up.query.calls++;
	for (size_t i = 0; i < sizeof(arguments); i++) {
		up.query.reg = arguments[i];
		value_push(search, &up);
	}
}

void value_ask_callers(struct value_search *search, const struct value_item *item)
{
	const struct value_at at = { item->module, item->body->ops[item->op].address };
	size_t nr;
	const struct reach_caller *callers = reach_callers(search->values->reach, item->module,
							   at.address, &nr);
	struct value_at taker = at;

	if (item->query.calls >= MAX_CALLS && nr) {
		value_unknown(search, &at, "it comes through too many functions");
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		if (!callers[i].is_taken) {
			ask_caller(search, item, &callers[i], &at);
			continue;
		}
		if (callers[i].from != CODE_NONE &&
		    ask_calls_by_register(search, item, &callers[i]))
			continue;
		if (callers[i].from != CODE_NONE)
			taker = (struct value_at){ callers[i].from_module, callers[i].from };
		if (callers[i].from != CODE_NONE)
			ask_context(search, item, &callers[i]);
		value_unknown(search, &taker,
			      callers[i].from != CODE_NONE
				      ? "the function is called through a pointer"
				      : "a pointer in data, or its name, leads to the function");
	}
	if (nr == 0 && item->op == 0)
		value_unknown(search, &at, "no caller of the function is seen");
}
