/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search for a number (value.h): the walk backwards through code, over all the ways that lead
 * to an instruction.
 */
#include <errno.h>
#include <stdlib.h>

#include "scan/value/value_search.h"

#define MAX_ITEMS 20000  /* queries of one search */
#define MAX_OPS   400000 /* instructions walked */

static void ask_at(struct value_search *search, const struct value_item *item, uint32_t op)
{
	struct value_item next = *item;

	/* before the branch: it changes no register */
	next.op = op;
	value_push(search, &next);
}

static void ask_jumps(struct value_search *search, const struct value_item *item)
{
	const struct body *body = item->body;
	const uint32_t first = body_edges_to(body, item->op);

	for (uint32_t i = first; i < body->nr_edges && body->edges[i].to == item->op; i++)
		ask_at(search, item, body->edges[i].from);
	for (uint32_t i = 0; body->ops[item->op].is_table_target && i < body->nr_ops; i++) {
		if (body->ops[i].is_indirect_jump && !body->ops[i].is_rip_relative)
			ask_at(search, item, i);
	}
}

/* Asks at all that may come before item->op but the instruction before it; true: there is some. */
static bool ask_others(struct value_search *search, const struct value_item *item)
{
	const struct op *op = &item->body->ops[item->op];
	size_t nr;

	reach_callers(search->values->reach, item->module, op->address, &nr);
	if (!op->is_target && nr == 0 && item->op != 0)
		return false;
	if (op->is_target)
		ask_jumps(search, item);
	if (nr || item->op == 0)
		value_ask_callers(search, item);
	return true;
}

static void walk_item(struct value_search *search, struct value_item *item)
{
	for (;;) {
		const struct op *now = &item->body->ops[item->op];
		const bool is_first = item->op == 0;
		const bool falls = !is_first && !now[-1].ends && !now[-1].is_dead;
		struct value_walk walk = {
			search, item, falls ? now - 1 : now, { item->module, now->address }
		};

		if (++search->nr_ops > MAX_OPS) {
			value_unknown(search, &walk.at, "there are too many ways to it");
			return;
		}
		if ((now->is_target || is_first) && value_is_visited(search, item))
			return;
		if (!ask_others(search, item) && !falls) {
			value_unknown(search, &walk.at,
				      "control comes here in a way that is not seen");
			return;
		}
		if (!falls)
			return;
		walk.at.address = walk.op->address;
		item->op--;
		if (value_pass(&walk) == IS_DONE)
			return;
	}
}

const struct body *value_body(struct values *values, uint32_t module, uint32_t function, int *err)
{
	struct body **body = &values->bodies[module][function];
	int failed;

	if (*body)
		return *body;
	failed = body_new(body, values->reach->modules[module].code, function);
	if (failed == -ENOMEM)
		*err = failed;
	return *body;
}

int value_of_door(struct values *values, uint32_t module, const struct code_door *door,
		  struct value_answer *answer)
{
	struct value_search search = { .values = values, .answer = answer };
	struct value_item item = { .module = module };
	const struct value_at at = { module, door->address };
	size_t done = 0;

	*answer = (struct value_answer){ 0 };
	item.body = value_body(values, module, door->function, &search.err);
	item.op = item.body ? body_op_at(item.body, door->address) : CODE_NONE;
	item.query.place = PLACE_REGISTER;
	item.query.reg = BODY_RAX;
	if (item.op == CODE_NONE)
		value_unknown(&search, &at, "the function could not be decoded");
	else
		value_push(&search, &item);
	while (search.nr_items && !search.err && done < MAX_ITEMS) {
		item = search.items[--search.nr_items];
		walk_item(&search, &item);
		done++;
	}
	if (search.nr_items)
		value_unknown(&search, &at, "there are too many ways to it");
	free(search.items);
	free(search.visited);
	return search.err;
}

int values_new(struct values **result, const struct reach *reach)
{
	struct values *values = calloc(1, sizeof(*values));

	if (!values)
		return -ENOMEM;
	values->reach = reach;
	values->bodies = calloc(reach->nr_modules + 1ull, sizeof(*values->bodies));
	for (uint32_t i = 0; values->bodies && i < reach->nr_modules; i++) {
		values->bodies[i] = calloc(reach->modules[i].code->nr_functions + 1ull,
					   sizeof(**values->bodies));
		if (!values->bodies[i]) {
			values_free(values);
			return -ENOMEM;
		}
	}
	*result = values;
	return values->bodies ? 0 : -ENOMEM;
}

void values_free(struct values *values)
{
	if (!values)
		return;
	for (uint32_t i = 0; values->bodies && i < values->reach->nr_modules; i++) {
		for (uint32_t f = 0;
		     values->bodies[i] && f < values->reach->modules[i].code->nr_functions; f++)
			body_free(values->bodies[i][f]);
		free(values->bodies[i]);
	}
	free(values->bodies);
	free(values);
}
