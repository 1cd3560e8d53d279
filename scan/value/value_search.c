/* SPDX-License-Identifier: BSD-2-Clause */
/* A search's state (value_search.h): what was found, what is to be asked, what was asked before. */
#include <errno.h>
#include <stdlib.h>

#include "scan/value/value_search.h"

/* ---- what is known so far ---- */

void value_unknown(struct value_search *search, const struct value_at *at, const char *why)
{
	if (search->answer->unknown)
		return; /* the first reason says enough */
	search->answer->unknown = why;
	search->answer->unknown_module = at->module;
	search->answer->unknown_address = at->address;
}

static void found(struct value_search *search, const struct value_at *at,
		  const struct value_query *query, uint64_t value)
{
	struct value_answer *answer = search->answer;
	const uint32_t number = (uint32_t)value;

	if (number >= SCAN_MAX_CALLS)
		return; /* no system call: the kernel says ENOSYS */
	for (size_t i = 0; i < answer->nr_found; i++) {
		struct value_found *old = &answer->found[i];

		if (old->number == number && old->module == at->module &&
		    old->address == at->address)
			return;
	}
	if (answer->nr_found == answer->room) {
		const size_t room = answer->room ? answer->room * 2 : 16;
		struct value_found *new = realloc(answer->found, room * sizeof(*new));

		if (!new) {
			search->err = -ENOMEM;
			return;
		}
		answer->found = new;
		answer->room = room;
	}
	answer->found[answer->nr_found++] = (struct value_found){ number, at->module, at->address,
								  query->by_argument,
								  query->by_memory };
}

void value_push(struct value_search *search, const struct value_item *item)
{
	if (search->err)
		return;
	if (search->nr_items == search->room_items) {
		const size_t room = search->room_items ? search->room_items * 2 : 64;
		struct value_item *new = realloc(search->items, room * sizeof(*new));

		if (!new) {
			search->err = -ENOMEM;
			return;
		}
		search->items = new;
		search->room_items = room;
	}
	search->items[search->nr_items++] = *item;
}

void value_constant(struct value_search *search, const struct value_at *at,
		    const struct value_query *query, uint64_t value)
{
	struct value_query left = *query;

	while (left.nr_steps) {
		const struct value_step *step = &left.steps[--left.nr_steps];

		switch ((enum value_step_kind)step->kind) {
		case STEP_ADD:
			value += (uint64_t)step->imm;
			break;
		case STEP_AND:
			value &= (uint64_t)step->imm;
			break;
		case STEP_OR:
			value |= (uint64_t)step->imm;
			break;
		case STEP_LOAD:
			value_global(search, at, &left, value + (uint64_t)step->imm, step->width);
			return;
		}
	}
	found(search, at, query, value);
}

/* ---- what was asked ---- */

static uint64_t hash_query(const struct value_item *item)
{
	const struct value_query *query = &item->query;
	uint64_t hash = 0xcbf29ce484222325ull;
	const uint64_t parts[] = {
		item->module,
		item->body->ops[item->op].address,
		query->place,
		query->place == PLACE_REGISTER ? query->reg : (uint32_t)query->slot,
		query->nr_steps,
		query->nr_steps ? query->load_op : 0
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		hash = (hash ^ parts[i]) * 0x100000001b3ull;
	for (unsigned i = 0; i < query->nr_steps; i++) {
		hash = (hash ^ query->steps[i].kind) * 0x100000001b3ull;
		hash = (hash ^ (uint64_t)query->steps[i].imm) * 0x100000001b3ull;
		hash ^= hash >> 29;
	}
	return hash ? hash : 1;
}

static int grow_visited(struct value_search *search)
{
	const size_t room = search->room_visited ? search->room_visited * 2 : 1024;
	uint64_t *new = calloc(room, sizeof(*new));

	if (!new)
		return -ENOMEM;
	for (size_t i = 0; i < search->room_visited; i++) {
		uint64_t at = search->visited[i];

		if (!at)
			continue;
		while (new[at & (room - 1)])
			at++;
		new[at & (room - 1)] = search->visited[i];
	}
	free(search->visited);
	search->visited = new;
	search->room_visited = room;
	return 0;
}

bool value_is_visited(struct value_search *search, const struct value_item *item)
{
	const uint64_t hash = hash_query(item);
	uint64_t at = hash;

	if (search->nr_visited * 2 >= search->room_visited) {
		search->err = grow_visited(search);
		if (search->err)
			return true;
	}
	while (search->visited[at & (search->room_visited - 1)]) {
		if (search->visited[at & (search->room_visited - 1)] == hash)
			return true;
		at++;
	}
	search->visited[at & (search->room_visited - 1)] = hash;
	search->nr_visited++;
	return false;
}
