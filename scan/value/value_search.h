/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the search: value.c walks, value_pass.c knows what an instruction does,
 * value_callers.c who calls, value_memory.c globals and frames; value_search.c holds what is known.
 */
#pragma once
#include "scan/value/value.h"

#define VALUE_MAX_STEPS 6

enum value_step_kind { STEP_ADD, STEP_AND, STEP_OR, STEP_LOAD };

struct value_step {
	uint8_t kind, width;
	int64_t imm; /* of a load: the offset */
};

enum value_place { PLACE_REGISTER, PLACE_SLOT };

struct value_query {
	uint8_t place, reg;
	int32_t slot;
	uint8_t nr_steps;
	struct value_step steps[VALUE_MAX_STEPS]; /* the last is applied first */
	bool by_argument, by_memory;
	uint8_t calls; /* how many frames up */
	/* where the last load step happens: the place's content counts as it is before this op */
	uint32_t load_op;
};

struct value_item {
	uint32_t module;
	const struct body *body;
	uint32_t op; /* asked before this one */
	struct value_query query;
};

struct value_search {
	struct values *values;
	struct value_answer *answer;
	struct value_item *items; /* to be done */
	size_t nr_items, room_items;
	uint64_t *visited; /* hash set of joins; 0: free */
	size_t nr_visited, room_visited;
	unsigned long nr_ops; /* walked so far */
	int err;
};

/* Where the search is, for origins and reasons. */
struct value_at {
	uint32_t module, address;
};

/* A way backwards: the query is just behind `op`, and changes as op is passed. */
struct value_walk {
	struct value_search *search;
	struct value_item *item;
	const struct op *op;
	struct value_at at;
};

enum value_outcome { GOES_ON, IS_DONE };

const struct body *value_body(struct values *values, uint32_t module, uint32_t function, int *err);
void value_push(struct value_search *search, const struct value_item *item);
void value_unknown(struct value_search *search, const struct value_at *at, const char *why);
/* Was this asked before? From now on it was. */
bool value_is_visited(struct value_search *search, const struct value_item *item);
/* A constant or an address of `module`, with the query's steps still to be applied. */
void value_constant(struct value_search *search, const struct value_at *at,
		    const struct value_query *query, uint64_t value);

/* The slot that an op's memory operand is; false: it is none of this frame's, or not known. */
bool value_slot_of(const struct op *op, int32_t *slot);
/* Does a function get the address of a slot's neighbourhood? Then calls may write it. */
bool value_escapes(const struct body *body, int32_t slot);
/* Is it a call of a function that has no way back: no return, no jump out of it? */
bool value_never_returns(struct values *values, uint32_t module, const struct op *op);
/* Asks for what a global variable can hold. */
void value_global(struct value_search *search, const struct value_at *at,
		  const struct value_query *query, uint64_t vaddr, unsigned width);

/* Passes walk->op: the query is about a place before it, or is answered. */
enum value_outcome value_pass(struct value_walk *walk);
/* Asks in all callers of the place. */
void value_ask_callers(struct value_search *search, const struct value_item *item);
