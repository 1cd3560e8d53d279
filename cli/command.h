/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The subcommands and their options. A subcommand is a file cmd_<name>.c with one struct command
 * and a row in main.c's table; its options are a table too, from which parsing, --help and the
 * shell's completion are all made. Options end at the first argument that is none, or after "--".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define HULL_VERSION "0.1.0"

enum {                        /* exit statuses of hull itself */
       EXIT_USAGE = 2,        /* a bad command line */
       EXIT_HULL = 125,       /* hull, the virtual machine or its kernel failed */
       EXIT_CANNOT_RUN = 126, /* the program is there but cannot be run */
       EXIT_NOT_FOUND = 127,
};

enum option_argument { ARGUMENT_NONE, ARGUMENT_NEEDED, ARGUMENT_OPTIONAL };

struct option_row {
	char letter; /* 0: none */
	const char *name;
	enum option_argument takes;
	const char *metavar;
	const char *help;                             /* NULL: not shown */
	int (*set)(void *context, const char *value); /* 0, or EXIT_USAGE after a message */
};

struct command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *summary;
	const struct option_row *options; /* ends with a row without name; NULL: none */
	bool elsewhere;                   /* it runs another executable, which knows its options */
	/* argv[0] is the subcommand; returns the exit status */
	int (*run)(int argc, char **argv);
};

extern const struct command *const commands[]; /* of each executable's main.c; ends with NULL */
extern const struct command cmd_run, cmd_doctor, cmd_version, cmd_help;
/* Of hull-image; in hull, rows of image_commands.c that run it. */
extern const struct command cmd_init, cmd_build, cmd_inspect, cmd_scan, cmd_rewrite;

/* A row of commands[]; NULL: none of that name. */
const struct command *command_find(const char *name);

/* Parses argv[1...]; *rest is the index of the first argument that is not an option. */
int options_parse(const struct command *command, int argc, char **argv, void *context, int *rest);
/* --help's text of one subcommand. */
void options_print_help(const struct command *command);

/*
 * "hull: ..." on stderr, whatever state the terminal is in. A message says what, on what, why,
 * what to do.
 */
void message_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
