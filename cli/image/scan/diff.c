/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the operands of --diff by what they begin with, and prints what only one of them has. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/image/scan/diff.h"
#include "cli/image/scan/output.h"
#include "cli/image/scan/root.h"

#define MAX_FILE_BYTES (64u << 20)
#define SEPARATORS     " \t\r\n,"

static bool add_name(struct call_set *set, const char *name)
{
	enum call_abi abi;
	unsigned nr;

	if (!call_of_text(name, &abi, &nr))
		return false;
	call_set_add(set, abi, nr);
	return true;
}

static int read_json(const char *path, const char *bytes, size_t len, struct call_set *set)
{
	json_error_t error;
	json_t *document = json_loadb(bytes, len, 0, &error), *calls, *call;
	int status = 0;
	size_t i;

	if (!document) {
		message_print("%s:%d:%d: no JSON: %s", path, error.line, error.column, error.text);
		return EXIT_USAGE;
	}
	calls = json_object_get(document, "calls");
	if (!json_object_get(document, "hull_scan") || !json_is_array(calls)) {
		message_print("%s: JSON, but no answer or trace of hull scan", path);
		status = EXIT_USAGE;
	}
	json_array_foreach(calls, i, call)
	{
		const char *name = json_string_value(call);

		if (status || (name && add_name(set, name)))
			continue;
		message_print("%s: calls[%zu]: '%s' is no system call", path, i, name ? name : "?");
		status = EXIT_USAGE;
	}
	json_decref(document);
	return status;
}

/* Names between blanks and commas; what follows '#' in a line is a comment. */
static int read_list(const char *path, char *text, struct call_set *set)
{
	char *line;

	for (unsigned number = 1; (line = strsep(&text, "\n")); number++) {
		char *word;

		line[strcspn(line, "#")] = '\0';
		while ((word = strsep(&line, SEPARATORS))) {
			if (!*word || add_name(set, word))
				continue;
			message_print(
				"%s:%u: '%.40s' is no system call; a list has one name a line",
				path, number, word);
			return EXIT_USAGE;
		}
	}
	return 0;
}

static int read_program(char *program, const struct scan_request *request, struct call_set *set)
{
	struct subjects subjects = { 0 };
	char *programs[] = { program, NULL };
	int status = subjects_scan(&subjects, programs, request);

	if (!status) {
		subjects_calls(&subjects, set);
		table_print_unresolved(stderr, &subjects);
		subjects_explain_missing(&subjects);
	}
	subjects_fini(&subjects);
	return status;
}

/* A file as it is named, or else a program of PATH. */
static int read_operand(char *operand, const struct scan_request *request, struct call_set *set)
{
	char *bytes;
	size_t len;
	int err = root_read(NULL, operand, MAX_FILE_BYTES, &bytes, &len), status;

	if (err == -ENOENT || (err && request->root))
		return read_program(operand, request, set);
	if (err) {
		message_print("%s: %s", operand, strerror(-err));
		return EXIT_USAGE;
	}
	if ((len >= 4 && memcmp(bytes, "\177ELF", 4) == 0) || memcmp(bytes, "#!", 2) == 0)
		status = read_program(operand, request, set);
	else if (bytes[strspn(bytes, " \t\r\n")] == '{')
		status = read_json(operand, bytes, len, set);
	else
		status = read_list(operand, bytes, set);
	free(bytes);
	return status;
}

static void print_only(FILE *out, char mark, const struct call_set *set)
{
	char text[CALL_TEXT];
	struct call_at at;

	call_set_foreach(set, &at) {
		call_text(at.abi, at.nr, text);
		fprintf(out, "%c %s\n", mark, text);
	}
}

int diff_print(FILE *out, char *const operands[2], const struct scan_request *request, bool as_json)
{
	struct call_set sets[2] = { 0 }, only[2], both;
	int status = read_operand(operands[0], request, &sets[0]);

	if (!status)
		status = read_operand(operands[1], request, &sets[1]);
	if (status)
		return status;
	both = only[0] = sets[0];
	only[1] = sets[1];
	call_set_drop(&only[0], &sets[1]);
	call_set_drop(&only[1], &sets[0]);
	call_set_drop(&both, &only[0]);
	if (as_json && !json_print_diff(out, operands, only, &both))
		return EXIT_HULL;
	if (!as_json) {
		print_only(out, '<', &only[0]);
		print_only(out, '>', &only[1]);
		fprintf(out, "%u only in %s, %u only in %s, %u in both\n", call_set_count(&only[0]),
			operands[0], call_set_count(&only[1]), operands[1], call_set_count(&both));
	}
	return call_set_count(&only[0]) || call_set_count(&only[1]);
}
