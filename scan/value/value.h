/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers that EAX can have at a `syscall` (scan.h, step 4): a search backwards, by demand.
 *
 * A query asks for the content of a place (a register, or a stack slot by its depth in body.h's
 * sense) just before an instruction, to which steps are then applied: add a constant, mask it, take
 * it for an address and load from there. An instruction that sets the place ends the query with a
 * constant, or turns it into one about another place; any other is passed. Where several
 * instructions may come before, the query is asked at each. At the function's entry it goes on at
 * each call and jump that reaches it, slots re-counted for the caller's frame. Loads from memory
 * that is not written give the file's bytes; from a global variable, its first value and each store
 * to it by name.
 *
 * Each search is bounded in steps and queries; what is not found out within them is unknown, and so
 * is whatever comes by a way that is not understood.
 */
#pragma once
#include "scan/code/body.h"
#include "scan/reach.h"

struct value_found {
	uint32_t number;
	uint32_t module, address; /* where the constant is */
	bool by_argument;         /* a caller gives it */
	bool by_memory;           /* other code could have written over it */
};

struct value_answer {
	struct value_found *found;
	size_t nr_found, room;
	const char *unknown; /* why not all is known; NULL: it is */
	uint32_t unknown_module, unknown_address;
};

struct values {
	const struct reach *reach;
	struct body ***bodies; /* by module and function; NULL: not decoded yet */
};

int values_new(struct values **values, const struct reach *reach);
void values_free(struct values *values);
/* 0, -ENOMEM. The caller frees answer->found. */
int value_of_door(struct values *values, uint32_t module, const struct code_door *door,
		  struct value_answer *answer);
