/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer (scan.h): for each door that is reached the numbers found there, turned round into
 * calls with their origins, and what the reader should know besides.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan/answer.h"

#define DOOR_32_BIT "it enters the kernel by the 32-bit interface, whose numbers are others"

static struct scan_call *call_of(struct scan_answer *answer, unsigned number)
{
	struct scan_call *calls;

	for (unsigned i = 0; i < answer->nr_calls; i++) {
		if (answer->calls[i].number == number)
			return &answer->calls[i];
	}
	calls = realloc(answer->calls, (answer->nr_calls + 1) * sizeof(*calls));
	if (!calls)
		return NULL;
	answer->calls = calls;
	calls[answer->nr_calls] = (struct scan_call){ .number = number,
						      .name = scan_call_name(number),
						      .certainty = SCAN_ASSUMED };
	return &calls[answer->nr_calls++];
}

static int add_origin(struct scan_answer *answer, unsigned number, const struct scan_origin *origin)
{
	struct scan_call *call = call_of(answer, number);
	struct scan_origin *origins;

	if (!call)
		return -ENOMEM;
	origins = realloc(call->origins, (call->nr_origins + 1) * sizeof(*origins));
	if (!origins)
		return -ENOMEM;
	call->origins = origins;
	origins[call->nr_origins++] = *origin;
	if (origin->certainty < call->certainty)
		call->certainty = origin->certainty;
	return 0;
}

static unsigned count_numbers(const struct value_answer *values)
{
	unsigned nr = 0;

	for (size_t i = 0; i < values->nr_found; i++) {
		size_t before = 0;

		while (before < i && values->found[before].number != values->found[i].number)
			before++;
		nr += before == i;
	}
	return nr;
}

static enum scan_certainty certainty_of(const struct value_found *found, unsigned nr_numbers)
{
	if (found->by_memory)
		return SCAN_ASSUMED;
	if (found->by_argument)
		return SCAN_ARGUMENT;
	return nr_numbers == 1 ? SCAN_EXACT : SCAN_SET;
}

static int add_site(struct scan_answer *answer, const struct scan_site *site)
{
	struct scan_site *sites = realloc(answer->sites, (answer->nr_sites + 1) * sizeof(*sites));

	if (!sites)
		return -ENOMEM;
	answer->sites = sites;
	sites[answer->nr_sites++] = *site;
	answer->nr_unknown_sites += site->unknown != NULL;
	return 0;
}

static void set_unknown(struct scan_site *site, const struct reach *reach,
			const struct value_answer *values)
{
	const struct module *module = &reach->modules[values->unknown_module];

	site->unknown = values->unknown;
	if (!values->unknown)
		return;
	site->unknown_file = module->object->path;
	site->unknown_address = values->unknown_address;
	site->unknown_function = code_name_at(module->code, values->unknown_address);
}

static int add_door(struct scan_answer *answer, struct values *values, uint32_t index,
		    const struct code_door *door)
{
	const struct module *module = &values->reach->modules[index];
	const struct code_function *function = &module->code->functions[door->function];
	struct scan_site site = { .file = module->object->path,
				  .address = door->address,
				  .function = function->name,
				  .function_address = function->start,
				  .door = door->door };
	struct value_answer found = { 0 };
	int err = 0;

	if (door->door != SCAN_SYSCALL) {
		site.unknown = DOOR_32_BIT;
		return add_site(answer, &site);
	}
	err = value_of_door(values, index, door, &found);
	site.nr_calls = count_numbers(&found);
	set_unknown(&site, values->reach, &found);
	if (err == 0)
		err = add_site(answer, &site);
	for (size_t i = 0; i < found.nr_found && err == 0; i++) {
		const struct value_found *value = &found.found[i];
		const struct module *from = &values->reach->modules[value->module];

		err = add_origin(
			answer, value->number,
			&(struct scan_origin){ .site = answer->nr_sites - 1,
					       .certainty = certainty_of(value, site.nr_calls),
					       .file = from->object->path,
					       .function = code_name_at(from->code, value->address),
					       .address = value->address });
	}
	free(found.found);
	return err;
}

static int add_file(struct scan_answer *answer, struct values *values, uint32_t index)
{
	const struct module *module = &values->reach->modules[index];
	const struct code *code = module->code;
	struct scan_file *file = &answer->files[index];
	int err = 0;

	*file = (struct scan_file){ .path = module->object->path,
				    .nr_functions = code->nr_functions,
				    .nr_sites = code->nr_doors,
				    .code_bytes = code->code_bytes };
	for (uint32_t i = 0; i < code->nr_functions; i++)
		file->nr_reached += module->reached[i];
	for (uint32_t i = 0; i < code->nr_doors && err == 0; i++) {
		if (!module->reached[code->doors[i].function])
			continue;
		file->nr_sites_reached++;
		err = add_door(answer, values, index, &code->doors[i]);
	}
	return err;
}

static int by_number(const void *a, const void *b)
{
	const struct scan_call *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* ---- notes ---- */

static int __attribute__((format(printf, 2, 3)))
add_note(struct scan_answer *answer, const char *format, ...)
{
	struct scan_note *notes = realloc(answer->notes, (answer->nr_notes + 1) * sizeof(*notes));
	va_list arguments;
	int len;

	if (!notes)
		return -ENOMEM;
	answer->notes = notes;
	va_start(arguments, format);
	len = vasprintf(&notes[answer->nr_notes].text, format, arguments);
	va_end(arguments);
	if (len < 0)
		return -ENOMEM;
	answer->nr_notes++;
	return 0;
}

static int add_missing_notes(struct scan_answer *answer)
{
	const struct closure *closure = answer->closure;
	int err = 0;

	for (unsigned i = 0; i < closure->nr_missing && err == 0; i++) {
		const struct closure_missing *missing = &closure->missing[i];

		err = add_note(answer,
			       "%s is missing, wanted by %s: its calls are not in the answer",
			       missing->name,
			       missing->wanted_by < 0 ? "--also"
						      : closure->objects[missing->wanted_by].path);
	}
	return err;
}

static bool is_one_reached(const struct reach *reach, const char *const *names)
{
	for (; *names; names++) {
		if (reach_is_reached(reach, *names))
			return true;
	}
	return false;
}

/* Does a static program start others? The loader's own execve does not count. */
static bool starts_by_itself(const struct scan_answer *answer)
{
	for (unsigned i = 0; i < answer->nr_calls; i++) {
		const struct scan_call *call = &answer->calls[i];

		if (!call->name || strncmp(call->name, "execve", 6) != 0)
			continue;
		for (unsigned o = 0; o < call->nr_origins; o++) {
			const char *file = answer->sites[call->origins[o].site].file;

			if (file == answer->closure->objects[0].path)
				return true;
		}
	}
	return false;
}

static int add_notes(struct scan_answer *answer, const struct reach *reach)
{
	static const char *const opens[] = { "dlopen", "dlmopen", "__libc_dlopen_mode", NULL };
	static const char *const starts[] = { "execve",       "execv",  "execvp",  "execl",
					      "execlp",       "execle", "execvpe", "posix_spawn",
					      "posix_spawnp", "system", "popen",   "fexecve",
					      "execveat",     NULL };
	int err = add_missing_notes(answer);

	answer->uses_dlopen = is_one_reached(reach, opens);
	answer->uses_exec = is_one_reached(reach, starts) || starts_by_itself(answer);
	if (answer->uses_dlopen && err == 0)
		err = add_note(answer, "dlopen is reachable: what the program loads at run time "
				       "counts only when it is named with --also");
	if (answer->uses_exec && err == 0)
		err = add_note(answer, "the program can start others, which are not in the answer");
	return err;
}

bool scan_answer_has(const struct scan_answer *answer, const char *name)
{
	for (unsigned i = 0; i < answer->nr_calls; i++) {
		if (answer->calls[i].name && strcmp(answer->calls[i].name, name) == 0)
			return true;
	}
	return false;
}

int answer_fill(struct scan_answer *answer, struct values *values)
{
	const struct reach *reach = values->reach;
	int err = 0;

	answer->files = calloc(reach->nr_modules, sizeof(*answer->files));
	if (!answer->files)
		return -ENOMEM;
	for (uint32_t i = 0; i < reach->nr_modules && err == 0; i++)
		err = add_file(answer, values, i);
	if (answer->nr_calls)
		qsort(answer->calls, answer->nr_calls, sizeof(*answer->calls), by_number);
	for (unsigned i = 0; i < answer->nr_calls; i++)
		answer->naive[answer->calls[i].number] = 1;
	for (unsigned i = 0; i < SCAN_MAX_CALLS; i++) {
		if (answer->naive[i])
			answer->naive[answer->nr_naive++] = i;
	}
	return err ? err : add_notes(answer, reach);
}

/* The numbers at all doors of a file in which everything is reached. */
static int add_numbers(struct values *values, bool *seen)
{
	const struct code *code = values->reach->modules[0].code;
	int err = 0;

	for (uint32_t i = 0; i < code->nr_doors && err == 0; i++) {
		struct value_answer found = { 0 };

		if (code->doors[i].door == SCAN_SYSCALL)
			err = value_of_door(values, 0, &code->doors[i], &found);
		for (size_t n = 0; n < found.nr_found; n++)
			seen[found.found[n].number] = true;
		free(found.found);
	}
	return err;
}

int answer_naive(const struct code *code, uint16_t **numbers, size_t *nr)
{
	const struct closure_object object = { 0 };
	struct reach reach = { .nr_modules = 1, .everything = true };
	bool seen[SCAN_MAX_CALLS] = { false };
	struct values *values = NULL;
	int err;

	*nr = 0;
	*numbers = malloc(SCAN_MAX_CALLS * sizeof(**numbers));
	reach.modules = calloc(1, sizeof(*reach.modules));
	err = *numbers && reach.modules ? 0 : -ENOMEM;
	if (err == 0 && code->nr_doors) {
		reach.modules[0] =
			(struct module){ .object = &object, .file = code->file, .code = code };
		err = reach_run(&reach);
		if (err == 0)
			err = values_new(&values, &reach);
		if (err == 0)
			err = add_numbers(values, seen);
	}
	values_free(values);
	if (reach.modules)
		reach_fini(&reach);
	for (unsigned i = 0; i < SCAN_MAX_CALLS && *numbers; i++) {
		if (seen[i])
			(*numbers)[(*nr)++] = (uint16_t)i;
	}
	return err;
}

void scan_answer_free(struct scan_answer *answer)
{
	if (!answer)
		return;
	for (unsigned i = 0; i < answer->nr_calls; i++)
		free(answer->calls[i].origins);
	for (unsigned i = 0; i < answer->nr_notes; i++)
		free(answer->notes[i].text);
	free(answer->calls);
	free(answer->sites);
	free(answer->files);
	free(answer->notes);
	closure_free(answer->closure);
	free(answer);
}
