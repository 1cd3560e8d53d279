/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls as a table to read, and as a list of names. */
#include <stdarg.h>
#include <string.h>

#include "cli/image/scan/output.h"

static const char *const certainties[] = {
	[SCAN_EXACT] = "exact",
	[SCAN_SET] = "set",
	[SCAN_ARGUMENT] = "argument",
	[SCAN_ASSUMED] = "assumed",
};

const char *path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void print_place(FILE *out, const char *file, const char *function, uint64_t address)
{
	if (function)
		fprintf(out, "%s: %s", path_name(file), function);
	else
		fprintf(out, "%s: 0x%llx", path_name(file), (unsigned long long)address);
}

/* The first of the best origins, and how many more there are. */
static void print_call(FILE *out, const struct scan_call *call)
{
	const struct scan_origin *best = NULL;
	char text[CALL_TEXT];

	call_text(CALL_X86_64, call->number, text);
	fprintf(out, "%-24s %-9s ", text, certainties[call->certainty]);
	for (unsigned i = 0; i < call->nr_origins && !best; i++) {
		if (call->origins[i].certainty == call->certainty)
			best = &call->origins[i];
	}
	if (best)
		print_place(out, best->file, best->function, best->address);
	if (call->nr_origins > 1)
		fprintf(out, " and %u more", call->nr_origins - 1);
	fputc('\n', out);
}

static const char *door_name(enum scan_door door)
{
	static const char *const names[] = {
		[SCAN_SYSCALL] = "syscall",
		[SCAN_INT80] = "int 0x80",
		[SCAN_SYSENTER] = "sysenter",
	};

	return names[door];
}

static void print_site(FILE *out, const struct scan_site *site)
{
	fprintf(out, "  %s: 0x%llx", site->file, (unsigned long long)site->address);
	if (site->function)
		fprintf(out, " in %s", site->function);
	fprintf(out, " (%s): %s", door_name(site->door), site->unknown);
	if (site->unknown_file) {
		fprintf(out, ", at ");
		print_place(out, site->unknown_file, site->unknown_function, site->unknown_address);
		if (site->unknown_function)
			fprintf(out, " 0x%llx", (unsigned long long)site->unknown_address);
	}
	fputc('\n', out);
}

static void print_unresolved(FILE *out, const struct subject *subject)
{
	const struct scan_answer *answer = subject->answer;

	if (!answer->nr_unknown_sites)
		return;
	fprintf(out, "%s: not resolved, so other calls may come from here:\n", subject->path);
	for (unsigned i = 0; i < answer->nr_sites; i++) {
		if (answer->sites[i].unknown)
			print_site(out, &answer->sites[i]);
	}
}

static void print_summary(FILE *out, const struct subject *subject)
{
	const struct scan_answer *answer = subject->answer;
	unsigned nr_sites = 0;

	for (unsigned i = 0; i < answer->closure->nr_objects; i++)
		nr_sites += answer->files[i].nr_sites;
	fprintf(out,
		"%u calls; the whole of its %u file%s has %u. %u of %u sites can be reached, %u %s "
		"not resolved.\n",
		answer->nr_calls, answer->closure->nr_objects,
		answer->closure->nr_objects == 1 ? "" : "s", answer->nr_naive, answer->nr_sites,
		nr_sites, answer->nr_unknown_sites, answer->nr_unknown_sites == 1 ? "is" : "are");
}

static void print_subject(FILE *out, const struct subject *subject)
{
	const struct scan_answer *answer = subject->answer;

	fprintf(out, "%s", subject->path);
	if (subject->script)
		fprintf(out, ", for %s and its %u extension modules", subject->script,
			subject->modules.nr);
	fprintf(out, "\n\n%-24s %-9s %s\n", "call", "certain", "from");
	for (unsigned i = 0; i < answer->nr_calls; i++)
		print_call(out, &answer->calls[i]);
	fputc('\n', out);
	print_summary(out, subject);
	print_unresolved(out, subject);
	for (unsigned i = 0; i < subject->notes.nr; i++)
		fprintf(out, "note: %s\n", subject->notes.words[i]);
	for (unsigned i = 0; i < answer->nr_notes; i++)
		fprintf(out, "note: %s\n", answer->notes[i].text);
}

void table_print(FILE *out, const struct subjects *subjects)
{
	struct call_set all = { 0 }, naive = { 0 };

	for (unsigned i = 0; i < subjects->nr; i++) {
		if (i)
			fputc('\n', out);
		print_subject(out, &subjects->at[i]);
	}
	if (subjects->nr < 2)
		return;
	subjects_calls(subjects, &all);
	subjects_naive(subjects, &naive);
	fprintf(out, "\nTogether %u calls; the whole of their files has %u.\n",
		call_set_count(&all), call_set_count(&naive));
}

void table_print_unresolved(FILE *out, const struct subjects *subjects)
{
	for (unsigned i = 0; i < subjects->nr; i++)
		print_unresolved(out, &subjects->at[i]);
}

void trace_calls(const struct trace_record *record, struct call_set *set)
{
	for (const struct trace_program *at = record->programs; at; at = at->next) {
		for (int abi = 0; abi < CALL_ABIS; abi++) {
			for (unsigned nr = 0; nr < CALL_NUMBERS; nr++) {
				if (at->made[abi][nr])
					call_set_add(set, (enum call_abi)abi, nr);
			}
		}
	}
}

static void print_made(FILE *out, const struct trace_program *program, enum call_abi abi,
		       unsigned nr)
{
	uint64_t made = program->made[abi][nr];
	uint64_t by_vdso = abi == CALL_X86_64 ? program->by_vdso[nr] : 0;
	char text[CALL_TEXT];

	if (!made)
		return;
	call_text(abi, nr, text);
	fprintf(out, "%-24s %9llu", text, (unsigned long long)made);
	if (by_vdso == made)
		fprintf(out, "  by the vDSO");
	else if (by_vdso)
		fprintf(out, "  %llu of them by the vDSO", (unsigned long long)by_vdso);
	fputc('\n', out);
}

static void print_traced(FILE *out, const struct trace_program *program)
{
	unsigned kinds = 0;

	fprintf(out, "%s, executed %llu time%s\n\n%-24s %9s\n", program->path,
		(unsigned long long)program->nr_started, program->nr_started == 1 ? "" : "s",
		"call", "made");
	for (int abi = 0; abi < CALL_ABIS; abi++) {
		for (unsigned nr = 0; nr < CALL_NUMBERS; nr++) {
			kinds += program->made[abi][nr] != 0;
			print_made(out, program, (enum call_abi)abi, nr);
		}
	}
	fprintf(out, "\n%u different calls\n\n", kinds);
}

void table_print_trace(FILE *out, const struct trace_record *record)
{
	struct call_set all = { 0 };

	for (const struct trace_program *at = record->programs; at; at = at->next)
		print_traced(out, at);
	if (record->programs && record->programs->next) {
		trace_calls(record, &all);
		fprintf(out, "Together %u different calls.\n", call_set_count(&all));
	}
	if (record->nr_unread)
		fprintf(out, "%llu calls could not be read: this needs Linux 5.3 or later.\n",
			(unsigned long long)record->nr_unread);
	if (record->nr_running)
		fprintf(out, "%u tasks outlive the program; their further calls are not here.\n",
			record->nr_running);
}

void list_print(FILE *out, const struct call_set *set)
{
	char text[CALL_TEXT];
	struct call_at at;

	call_set_foreach(set, &at) {
		call_text(at.abi, at.nr, text);
		fprintf(out, "%s%s\n", at.abi == CALL_X86_64 ? "" : "# ", text);
	}
}

void list_print_trace(FILE *out, const struct trace_record *record)
{
	struct call_set set = { 0 };

	trace_calls(record, &set);
	list_print(out, &set);
}
