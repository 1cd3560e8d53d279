/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hull scan`: which system calls a program can make (static, scan/scan.h), which a run made
 * (--trace), and what two answers differ in (--diff).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/image/scan/diff.h"
#include "cli/image/scan/output.h"

enum form { FORM_TABLE, FORM_LIST, FORM_JSON, FORM_UNRESOLVED };

struct scan_command {
	struct scan_request request;
	enum form form;
	bool trace, diff, keep_vdso;
	const char *output;
};

static int set_form(struct scan_command *command, enum form form)
{
	if (command->form != FORM_TABLE && command->form != form) {
		message_print("scan: one of --json, --list and --unresolved");
		return EXIT_USAGE;
	}
	command->form = form;
	return 0;
}

static int set_json(void *context, const char *value)
{
	(void)value;
	return set_form(context, FORM_JSON);
}

static int set_list(void *context, const char *value)
{
	(void)value;
	return set_form(context, FORM_LIST);
}

static int set_unresolved(void *context, const char *value)
{
	(void)value;
	return set_form(context, FORM_UNRESOLVED);
}

static int set_output(void *context, const char *value)
{
	((struct scan_command *)context)->output = value;
	return 0;
}

static int set_also(void *context, const char *value)
{
	struct scan_command *command = context;

	if (word_list_add(&command->request.also, value))
		return 0;
	message_print("scan: out of memory");
	return EXIT_HULL;
}

static int set_root(void *context, const char *value)
{
	((struct scan_command *)context)->request.root = value;
	return 0;
}

static int set_library_path(void *context, const char *value)
{
	((struct scan_command *)context)->request.library_path = value;
	return 0;
}

static int set_all_modules(void *context, const char *value)
{
	(void)value;
	((struct scan_command *)context)->request.all_modules = true;
	return 0;
}

static int set_whole_data(void *context, const char *value)
{
	(void)value;
	((struct scan_command *)context)->request.whole_data = true;
	return 0;
}

static int set_trace(void *context, const char *value)
{
	(void)value;
	((struct scan_command *)context)->trace = true;
	return 0;
}

static int set_keep_vdso(void *context, const char *value)
{
	(void)value;
	((struct scan_command *)context)->keep_vdso = true;
	return 0;
}

static int set_diff(void *context, const char *value)
{
	(void)value;
	((struct scan_command *)context)->diff = true;
	return 0;
}

static const struct option_row options[] = {
	{ 0, "json", ARGUMENT_NONE, NULL, "print JSON", set_json },
	{ 0, "list", ARGUMENT_NONE, NULL, "print the names alone, as build --calls takes them",
	  set_list },
	{ 0, "unresolved", ARGUMENT_NONE, NULL,
	  "print the sites whose call cannot be told;\nstatus 1 if there are any", set_unresolved },
	{ 'o', "output", ARGUMENT_NEEDED, "FILE", "write there (with --trace: JSON, if not --list)",
	  set_output },
	{ 0, "also", ARGUMENT_NEEDED, "LIB",
	  "a library that the program opens by dlopen; repeatable", set_also },
	{ 0, "root", ARGUMENT_NEEDED, "DIR", "take programs and libraries from this root directory",
	  set_root },
	{ 0, "library-path", ARGUMENT_NEEDED, "DIRS", "as LD_LIBRARY_PATH", set_library_path },
	{ 0, "all-modules", ARGUMENT_NONE, NULL,
	  "with every extension module that the interpreter has,\nnot only the imported ones",
	  set_all_modules },
	{ 0, "whole-data", ARGUMENT_NONE, NULL,
	  "count every pointer to code in a file's data: surer, larger", set_whole_data },
	{ 0, "trace", ARGUMENT_NONE, NULL, "run PROG ARG... and record the calls that it makes",
	  set_trace },
	{ 0, "keep-vdso", ARGUMENT_NONE, NULL,
	  "with --trace: leave the program its vDSO, whose calls\nare then not seen",
	  set_keep_vdso },
	{ 0, "diff", ARGUMENT_NONE, NULL,
	  "compare two programs, or files with JSON or a list;\nstatus 1 if they differ",
	  set_diff },
	{ 0 },
};

static int usage(const char *what)
{
	message_print("scan: %s", what);
	fprintf(stderr, "Try 'hull scan --help'.\n");
	return EXIT_USAGE;
}

static int open_output(const struct scan_command *command, FILE **out)
{
	*out = command->output ? fopen(command->output, "we") : stdout;
	if (*out)
		return 0;
	message_print("%s: %s", command->output, strerror(errno));
	return EXIT_USAGE;
}

/* What was printed must have arrived. */
static int close_output(const struct scan_command *command, FILE *out, int status)
{
	bool failed = fflush(out) != 0 || ferror(out);

	if (out != stdout)
		failed |= fclose(out) != 0;
	if (!failed)
		return status;
	message_print("%s: %s", command->output ? command->output : "standard output",
		      strerror(errno));
	return EXIT_HULL;
}

static int print_answer(const struct scan_command *command, FILE *out,
			const struct subjects *subjects)
{
	bool is_incomplete = subjects_explain_missing(subjects);
	struct call_set calls = { 0 };

	switch (command->form) {
	case FORM_TABLE:
		table_print(out, subjects);
		break;
	case FORM_JSON:
		if (!json_print(out, subjects))
			return EXIT_HULL;
		break;
	case FORM_LIST:
		subjects_calls(subjects, &calls);
		list_print(out, &calls);
		table_print_unresolved(stderr, subjects);
		break;
	case FORM_UNRESOLVED:
		table_print_unresolved(out, subjects);
		return is_incomplete || subjects_unresolved(subjects);
	}
	return is_incomplete;
}

static int scan(const struct scan_command *command, char *const *programs)
{
	struct subjects subjects = { 0 };
	int status = subjects_scan(&subjects, programs, &command->request);
	FILE *out;

	if (!status)
		status = open_output(command, &out);
	if (!status)
		status = close_output(command, out, print_answer(command, out, &subjects));
	subjects_fini(&subjects);
	return status;
}

static int trace(const struct scan_command *command, char *const *program)
{
	struct trace_options trace_options = {
		.report = command->output ? json_print_trace : table_print_trace,
		.output = command->output,
		.keep_vdso = command->keep_vdso,
	};

	if (command->form == FORM_JSON)
		trace_options.report = json_print_trace;
	else if (command->form == FORM_LIST)
		trace_options.report = list_print_trace;
	return trace_exec(&trace_options, program);
}

static int diff(const struct scan_command *command, char *const *operands)
{
	FILE *out;
	int status = open_output(command, &out);

	if (status)
		return status;
	status = diff_print(out, operands, &command->request, command->form == FORM_JSON);
	return close_output(command, out, status);
}

static int run(int argc, char **argv)
{
	struct scan_command command = { 0 };
	int rest, nr, status = options_parse(&cmd_scan, argc, argv, &command, &rest);

	if (status)
		return status;
	nr = argc - rest;
	if (command.trace && command.diff)
		return usage("--trace and --diff are two things");
	if (command.diff && nr != 2)
		return usage("--diff needs two: programs, or files that scan has written");
	if (command.diff && command.form != FORM_TABLE && command.form != FORM_JSON)
		return usage("--diff prints what differs, or that as --json");
	if (command.trace && command.form == FORM_UNRESOLVED)
		return usage("--unresolved is about programs as files; a trace has nothing of it");
	if (nr == 0)
		return usage(command.trace ? "which program is to be run?"
					   : "which program is to be scanned?");
	if (command.trace)
		return trace(&command, argv + rest);
	status = command.diff ? diff(&command, argv + rest) : scan(&command, argv + rest);
	word_list_fini(&command.request.also);
	return status;
}

const struct command cmd_scan = {
	.name = "scan",
	.arguments = "[OPTION...] PROG...\n"
		     "       hull scan --trace [-o FILE] [--] PROG [ARG...]\n"
		     "       hull scan --diff A B",
	.summary = "Say which system calls programs can make, or which a run makes.",
	.options = options,
	.run = run,
};
