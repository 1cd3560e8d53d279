/* SPDX-License-Identifier: BSD-2-Clause */
/* From calls, facts and the user's word to the set of parts (parts.def). */
#include <string.h>

#include <abi/hull/native.h>

#include "pack/link/plan.h"

#define PART(name, what, ...) { name, what, __VA_ARGS__ },
const struct part part_rows[] = {
#include "pack/link/parts.def"
};
const unsigned nr_part_rows = sizeof(part_rows) / sizeof(part_rows[0]);
_Static_assert(sizeof(part_rows) / sizeof(part_rows[0]) <= LINK_PARTS_MAX, "LINK_PARTS_MAX");

const char *link_part_name(unsigned i, const char **what)
{
	if (i >= nr_part_rows)
		return NULL;
	*what = part_rows[i].what;
	return part_rows[i].name;
}

/* One of the list's names, by position: moves *list behind it; false at the end. */
static bool next_name(const char **list, const char **name, size_t *len)
{
	if (!*list)
		return false;
	*name = *list + strspn(*list, " ,");
	*len = strcspn(*name, " ,");
	*list = *name + *len;
	return *len != 0;
}

static int find_part(const char *name, size_t len)
{
	for (unsigned i = 0; i < nr_part_rows; i++)
		if (strlen(part_rows[i].name) == len && memcmp(part_rows[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

static bool wants_call(const struct plan *plan, const char *calls)
{
	const char *name, *known;
	size_t len;

	while (next_name(&calls, &name, &len)) {
		for (unsigned nr = 0; nr < LINK_CALLS_MAX; nr++) {
			known = plan->calls[nr] ? link_call_name(nr) : NULL;
			if (known && strlen(known) == len && memcmp(known, name, len) == 0)
				return true;
		}
	}
	return false;
}

/* What calls and facts want. */
static void add_wanted(struct plan *plan, unsigned facts)
{
	for (unsigned i = 0; i < nr_part_rows; i++)
		plan->parts[i] = (facts & (part_rows[i].facts | LINK_EVERYTHING)) != 0 ||
				 wants_call(plan, part_rows[i].calls);
}

/* "+ipv6,-pci": adds to the set, or to what must stay out. */
static int obey(struct plan *plan, bool out[LINK_PARTS_MAX], const char *text,
		struct failure *failure)
{
	const char *name;
	size_t len;
	int i;

	while (next_name(&text, &name, &len)) {
		if (len < 2 || (*name != '+' && *name != '-'))
			return failure_set(failure, "parts: %.*s: write +PART or -PART", (int)len,
					   name);
		i = find_part(name + 1, len - 1);
		if (i < 0)
			return failure_set(failure,
					   "parts: there is no part %.*s; "
					   "`hull build --parts help` lists them",
					   (int)len - 1, name + 1);
		plan->parts[i] = *name == '+';
		out[i] = *name == '-';
	}
	return 0;
}

/* A part without what it stands on is not worth having. */
static void drop_orphans(struct plan *plan, const bool named[LINK_PARTS_MAX])
{
	const char *list, *name;
	size_t len;

	for (unsigned i = 0; i < nr_part_rows; i++) {
		list = part_rows[i].unless;
		while (plan->parts[i] && !named[i] && next_name(&list, &name, &len))
			plan->parts[i] = plan->parts[find_part(name, len)];
	}
}

/* One round of "needs"; `changed` says that another is due. */
static int add_needed(struct plan *plan, const bool out[LINK_PARTS_MAX], bool *changed,
		      struct failure *failure)
{
	const char *list, *name;
	size_t len;
	int needed;

	for (unsigned i = 0; i < nr_part_rows; i++) {
		list = plan->parts[i] ? part_rows[i].needs : NULL;
		while (next_name(&list, &name, &len)) {
			needed = find_part(name, len);
			if (out[needed])
				return failure_set(failure,
						   "parts: %s needs %.*s; leave both out "
						   "(-%s) or neither",
						   part_rows[i].name, (int)len, name,
						   part_rows[i].name);
			*changed |= !plan->parts[needed];
			plan->parts[needed] = true;
		}
	}
	return 0;
}

static void add_call(struct plan *plan, unsigned nr, unsigned *facts)
{
	if (link_call_name(nr))
		plan->calls[nr] = true;
	if (nr >= NATIVE_CALL_FIRST && nr < NATIVE_CALL_FIRST + NATIVE_NR_CALLS)
		*facts |= nr == NATIVE_CALL_TCP      ? LINK_NATIVE_TCP
			  : nr == NATIVE_CALL_GROUPS ? LINK_NATIVE_GROUPS
						     : LINK_NATIVE;
}

int link_plan_make(struct plan *plan, const struct link_request *request, struct failure *failure)
{
	bool out[LINK_PARTS_MAX] = { false }, named[LINK_PARTS_MAX];
	unsigned facts = request->facts;
	bool changed = true;

	plan->is_whole = (request->facts & LINK_EVERYTHING) != 0;
	for (unsigned nr = 0; nr < LINK_CALLS_MAX; nr++)
		plan->calls[nr] = plan->is_whole && link_call_name(nr);
	for (size_t i = 0; i < request->nr_calls; i++)
		add_call(plan, request->calls[i], &facts);
	memset(plan->parts, 0, sizeof(plan->parts));
	if (obey(plan, out, request->parts, failure) != 0)
		return -1;
	memcpy(named, plan->parts, sizeof(named));
	add_wanted(plan, facts);
	for (unsigned i = 0; i < nr_part_rows; i++)
		plan->parts[i] = (plan->parts[i] || named[i]) && !out[i];
	while (changed) {
		changed = false;
		if (add_needed(plan, out, &changed, failure) != 0)
			return -1;
	}
	drop_orphans(plan, named);
	return 0;
}
