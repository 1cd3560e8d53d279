/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a command line by a subcommand's option table: -m 64M, -m64M, --memory 64M, --memory=64M,
 * joined letters without argument (-qv), "--" and --help. An optional argument must be joined by
 * '='.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

#define HELP_COLUMN 30

static int usage_error(const struct command *command)
{
	fprintf(stderr, "Try 'hull %s --help'.\n", command->name);
	return EXIT_USAGE;
}

static const struct option_row *find_name(const struct command *command, const char *name,
					  size_t len)
{
	const struct option_row *row = command->options;

	for (; row && row->name; row++) {
		if (strlen(row->name) == len && memcmp(row->name, name, len) == 0)
			return row;
	}
	return NULL;
}

static const struct option_row *find_letter(const struct command *command, char letter)
{
	const struct option_row *row = command->options;

	for (; row && row->name; row++) {
		if (row->letter == letter)
			return row;
	}
	return NULL;
}

struct parse {
	const struct command *command;
	int argc, at; /* argv[at] is being read */
	char **argv;
	void *context;
};

static int apply(struct parse *parse, const struct option_row *row, const char *value)
{
	if (row->takes == ARGUMENT_NEEDED && !value) {
		if (parse->at + 1 >= parse->argc) {
			message_print("option --%s needs an argument (%s)", row->name,
				      row->metavar);
			return usage_error(parse->command);
		}
		value = parse->argv[++parse->at];
	}
	return row->set(parse->context, value) ? usage_error(parse->command) : 0;
}

static int parse_long(struct parse *parse, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	const struct option_row *row = find_name(parse->command, text, len);

	if (!row) {
		message_print("%s: unknown option --%.*s", parse->command->name, (int)len, text);
		return usage_error(parse->command);
	}
	if (equals && row->takes == ARGUMENT_NONE) {
		message_print("option --%s takes no argument", row->name);
		return usage_error(parse->command);
	}
	return apply(parse, row, equals ? equals + 1 : NULL);
}

static int parse_letters(struct parse *parse, const char *letters)
{
	int err = 0;

	while (*letters && !err) {
		const struct option_row *row = find_letter(parse->command, *letters);

		if (!row) {
			message_print("%s: unknown option -%c", parse->command->name, *letters);
			return usage_error(parse->command);
		}
		letters++;
		if (row->takes == ARGUMENT_NEEDED)
			return apply(parse, row, *letters ? letters : NULL);
		err = apply(parse, row, NULL);
	}
	return err;
}

int options_parse(const struct command *command, int argc, char **argv, void *context, int *rest)
{
	struct parse parse = { command, argc, 1, argv, context };

	for (; parse.at < argc; parse.at++) {
		const char *text = argv[parse.at];
		int err;

		if (text[0] != '-' || !text[1])
			break;
		if (strcmp(text, "--") == 0) {
			parse.at++;
			break;
		}
		if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
			options_print_help(command);
			exit(0);
		}
		err = text[1] == '-' ? parse_long(&parse, text + 2)
				     : parse_letters(&parse, text + 1);
		if (err)
			return err;
	}
	*rest = parse.at;
	return 0;
}

static void print_row(const struct option_row *row)
{
	char left[80];
	const char *help = row->help;
	int n = row->letter ? snprintf(left, sizeof(left), "  -%c, --%s", row->letter, row->name)
			    : snprintf(left, sizeof(left), "      --%s", row->name);

	if (row->takes == ARGUMENT_NEEDED)
		n += snprintf(left + n, sizeof(left) - (size_t)n, " %s", row->metavar);
	else if (row->takes == ARGUMENT_OPTIONAL)
		n += snprintf(left + n, sizeof(left) - (size_t)n, "[=%s]", row->metavar);
	printf("%-*s", HELP_COLUMN, left);
	if (n >= HELP_COLUMN)
		printf("\n%*s", HELP_COLUMN, "");
	for (; *help; help++) {
		putchar(*help);
		if (*help == '\n')
			printf("%*s", HELP_COLUMN, "");
	}
	putchar('\n');
}

void options_print_help(const struct command *command)
{
	const struct option_row *row = command->options;

	printf("Usage: hull %s %s\n%s\n", command->name, command->arguments, command->summary);
	if (!row)
		return;
	printf("\nOptions:\n");
	for (; row->name; row++) {
		if (row->help)
			print_row(row);
	}
	printf("%-*sshow this\n", HELP_COLUMN, "  -h, --help");
}
