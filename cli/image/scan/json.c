/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers and traces as JSON; docs/scan-json.md is the schema. jansson remembers nothing of a
 * failure to add: add() and friends do, so that a document is whole or is not printed.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/image/scan/output.h"

#define VERSION 1

static bool failed;

/* Takes the value. */
static void add(json_t *object, const char *key, json_t *value)
{
	if (!value || json_object_set_new(object, key, value) < 0)
		failed = true;
}

static void append(json_t *array, json_t *value)
{
	if (!value || json_array_append_new(array, value) < 0)
		failed = true;
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* Paths and symbols are bytes; JSON is UTF-8, so what is not has its bytes above 127 as U+00xx. */
static json_t *text(const char *bytes)
{
	json_t *string = bytes ? json_string(bytes) : json_null();
	size_t len = 0;
	char *latin;

	if (string)
		return string;
	latin = malloc(2 * strlen(bytes) + 1);
	for (; latin && *bytes; bytes++) {
		unsigned char byte = (unsigned char)*bytes;

		if (byte >= 0x80)
			latin[len++] = (char)(0xc0 | byte >> 6);
		latin[len++] = (char)(byte >= 0x80 ? 0x80 | (byte & 0x3f) : byte);
	}
	if (latin)
		latin[len] = '\0';
	string = latin ? json_string(latin) : NULL;
	free(latin);
	return string;
}

static json_t *address_text(uint64_t address)
{
	char hex[24];

	snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)address);
	return json_string(hex);
}

static json_t *names_of(const struct call_set *set)
{
	json_t *names = json_array();
	char name[CALL_TEXT];
	struct call_at at;

	call_set_foreach(set, &at) {
		call_text(at.abi, at.nr, name);
		append(names, json_string(name));
	}
	return names;
}

static json_t *strings_of(char *const *strings)
{
	json_t *array = json_array();

	for (; strings && *strings; strings++)
		append(array, text(*strings));
	return array;
}

static void add_place(json_t *object, const char *file, const char *function, uint64_t address)
{
	add(object, "file", text(file));
	add(object, "function", text(function));
	add(object, "address", address_text(address));
}

static const char *certainty_name(enum scan_certainty certainty)
{
	static const char *const names[] = {
		[SCAN_EXACT] = "exact",
		[SCAN_SET] = "set",
		[SCAN_ARGUMENT] = "argument",
		[SCAN_ASSUMED] = "assumed",
	};

	return names[certainty];
}

static json_t *origins_of(const struct scan_call *call)
{
	json_t *origins = json_array();

	for (unsigned i = 0; i < call->nr_origins; i++) {
		const struct scan_origin *from = &call->origins[i];
		json_t *origin = json_object();

		add_place(origin, from->file, from->function, from->address);
		add(origin, "certainty", json_string(certainty_name(from->certainty)));
		add(origin, "site", number(from->site));
		append(origins, origin);
	}
	return origins;
}

static json_t *calls_of(const struct scan_answer *answer)
{
	json_t *calls = json_array();

	for (unsigned i = 0; i < answer->nr_calls; i++) {
		json_t *call = json_object();
		char name[CALL_TEXT];

		call_text(CALL_X86_64, answer->calls[i].number, name);
		add(call, "name", json_string(name));
		add(call, "number", number(answer->calls[i].number));
		add(call, "certainty", json_string(certainty_name(answer->calls[i].certainty)));
		add(call, "origins", origins_of(&answer->calls[i]));
		append(calls, call);
	}
	return calls;
}

static json_t *sites_of(const struct scan_answer *answer)
{
	static const char *const doors[] = {
		[SCAN_SYSCALL] = "syscall",
		[SCAN_INT80] = "int 0x80",
		[SCAN_SYSENTER] = "sysenter",
	};
	json_t *sites = json_array();

	for (unsigned i = 0; i < answer->nr_sites; i++) {
		const struct scan_site *from = &answer->sites[i];
		json_t *site = json_object();

		add_place(site, from->file, from->function, from->address);
		add(site, "door", json_string(doors[from->door]));
		if (from->unknown)
			add(site, "unresolved", text(from->unknown));
		if (from->unknown_file) {
			json_t *lost = json_object();

			add_place(lost, from->unknown_file, from->unknown_function,
				  from->unknown_address);
			add(site, "lost_at", lost);
		}
		append(sites, site);
	}
	return sites;
}

static json_t *files_of(const struct scan_answer *answer)
{
	json_t *files = json_array();

	for (unsigned i = 0; i < answer->closure->nr_objects; i++) {
		const struct scan_file *from = &answer->files[i];
		json_t *file = json_object();

		add(file, "path", text(from->path));
		add(file, "code_bytes", number(from->code_bytes));
		add(file, "functions", number(from->nr_functions));
		add(file, "functions_reached", number(from->nr_reached));
		add(file, "sites", number(from->nr_sites));
		add(file, "sites_reached", number(from->nr_sites_reached));
		append(files, file);
	}
	return files;
}

static json_t *missing_of(const struct closure *closure)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < closure->nr_missing; i++) {
		int by = closure->missing[i].wanted_by;
		json_t *missing = json_object();

		add(missing, "name", text(closure->missing[i].name));
		add(missing, "wanted_by", text(by < 0 ? NULL : closure->objects[by].path));
		append(all, missing);
	}
	return all;
}

static json_t *notes_of(const struct subject *subject)
{
	json_t *notes = strings_of(subject->notes.words);

	for (unsigned i = 0; i < subject->answer->nr_notes; i++)
		append(notes, text(subject->answer->notes[i].text));
	return notes;
}

static json_t *program_of(const struct subject *subject)
{
	const struct scan_answer *answer = subject->answer;
	struct call_set naive = { 0 };
	json_t *program = json_object();

	for (unsigned i = 0; i < answer->nr_naive; i++)
		call_set_add(&naive, CALL_X86_64, answer->naive[i]);
	add(program, "path", text(subject->path));
	add(program, "script", text(subject->script));
	add(program, "modules", strings_of(subject->modules.words));
	add(program, "calls", calls_of(answer));
	add(program, "sites", sites_of(answer));
	add(program, "unresolved_sites", number(answer->nr_unknown_sites));
	add(program, "whole_files", names_of(&naive));
	add(program, "files", files_of(answer));
	add(program, "missing", missing_of(answer->closure));
	add(program, "uses_dlopen", json_boolean(answer->uses_dlopen));
	add(program, "uses_exec", json_boolean(answer->uses_exec));
	add(program, "notes", notes_of(subject));
	return program;
}

static json_t *document_of(const char *kind, const struct call_set *calls, json_t *programs)
{
	json_t *document = json_object();

	add(document, "hull_scan", number(VERSION));
	add(document, "kind", json_string(kind));
	add(document, "calls", names_of(calls));
	add(document, "programs", programs);
	return document;
}

static bool write_document(FILE *out, json_t *document)
{
	bool done = !failed && json_dumpf(document, out, JSON_INDENT(1)) == 0 &&
		    fputc('\n', out) >= 0;

	json_decref(document);
	return done;
}

bool json_print(FILE *out, const struct subjects *subjects)
{
	struct call_set calls = { 0 };
	json_t *programs = json_array();

	for (unsigned i = 0; i < subjects->nr; i++)
		append(programs, program_of(&subjects->at[i]));
	subjects_calls(subjects, &calls);
	return write_document(out, document_of("static", &calls, programs));
}

static json_t *made_of(const struct trace_program *program, enum call_abi abi, unsigned nr)
{
	json_t *call = json_object();
	char name[CALL_TEXT];

	call_text(abi, nr, name);
	add(call, "name", json_string(name));
	add(call, "number", number(nr));
	add(call, "made", number(program->made[abi][nr]));
	if (abi == CALL_X86_64 && program->by_vdso[nr])
		add(call, "by_vdso", number(program->by_vdso[nr]));
	return call;
}

static json_t *traced_of(const struct trace_program *program)
{
	json_t *traced = json_object(), *calls = json_array();

	for (int abi = 0; abi < CALL_ABIS; abi++) {
		for (unsigned nr = 0; nr < CALL_NUMBERS; nr++) {
			if (program->made[abi][nr])
				append(calls, made_of(program, (enum call_abi)abi, nr));
		}
	}
	add(traced, "path", text(program->path));
	add(traced, "executed", number(program->nr_started));
	add(traced, "calls", calls);
	return traced;
}

void json_print_trace(FILE *out, const struct trace_record *record)
{
	struct call_set calls = { 0 };
	json_t *programs = json_array(), *document;

	for (const struct trace_program *at = record->programs; at; at = at->next)
		append(programs, traced_of(at));
	trace_calls(record, &calls);
	document = document_of("trace", &calls, programs);
	add(document, "command", strings_of(record->command));
	add(document, "running", number(record->nr_running));
	add(document, "unread", number(record->nr_unread));
	write_document(out, document);
}

bool json_print_diff(FILE *out, char *const names[2], const struct call_set only[2],
		     const struct call_set *both)
{
	json_t *document = json_object(), *sides = json_array();

	for (int i = 0; i < 2; i++) {
		json_t *side = json_object();

		add(side, "of", text(names[i]));
		add(side, "only", names_of(&only[i]));
		append(sides, side);
	}
	add(document, "hull_scan", number(VERSION));
	add(document, "kind", json_string("diff"));
	add(document, "sides", sides);
	add(document, "both", names_of(both));
	return write_document(out, document);
}
