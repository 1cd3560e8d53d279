/* SPDX-License-Identifier: BSD-2-Clause */
/* `hull help`: the list of subcommands, one of them in full, or a completion script for bash. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static int set_completion(void *context, const char *value)
{
	(void)value;
	*(bool *)context = true;
	return 0;
}

static const struct option_row options[] = {
	{ 0, "completion", ARGUMENT_NONE, NULL,
	  "print a completion script for bash: eval \"$(hull help --completion)\"",
	  set_completion },
	{ 0 },
};

static void print_commands(void)
{
	printf("Usage: hull COMMAND [ARGUMENT...]\n"
	       "Runs a Linux program, unmodified, in a virtual machine of its own.\n\nCommands:\n");
	for (size_t i = 0; commands[i]; i++)
		printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n'hull COMMAND --help' says more about one of them. "
	       "Try: hull run /bin/echo hello\n");
}

static void print_completion_options(const struct command *command)
{
	const struct option_row *row = command->options;

	if (command->elsewhere) {
		printf("\t%s) words=$(hull %s --help | grep -o -e '--[a-z-]*');;\n", command->name,
		       command->name);
		return;
	}
	printf("\t%s) words=\"--help", command->name);
	for (; row && row->name; row++) {
		if (row->help)
			printf(" --%s", row->name);
	}
	printf("\";;\n");
}

static void print_completion(void)
{
	printf("_hull() {\n\tlocal words= word=${COMP_WORDS[COMP_CWORD]}\n"
	       "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords=\"");
	for (size_t i = 0; commands[i]; i++)
		printf("%s%s", i ? " " : "", commands[i]->name);
	printf("\"\n\telse case ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; commands[i]; i++)
		print_completion_options(commands[i]);
	printf("\tesac; fi\n"
	       "\tcase $word in\n"
	       "\t-*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\"));;\n"
	       "\t*) if [ \"$COMP_CWORD\" = 1 ]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
	       "\t   else COMPREPLY=($(compgen -f -c -- \"$word\")); fi;;\n"
	       "\tesac\n}\ncomplete -o default -F _hull hull\n");
}

static int run(int argc, char **argv)
{
	const struct command *command;
	bool completion = false;
	int rest, err = options_parse(&cmd_help, argc, argv, &completion, &rest);

	if (err)
		return err;
	if (completion) {
		print_completion();
		return 0;
	}
	if (rest >= argc) {
		print_commands();
		return 0;
	}
	command = command_find(argv[rest]);
	if (!command) {
		message_print("there is no command '%s'; 'hull --help' lists them", argv[rest]);
		return EXIT_USAGE;
	}
	if (command->elsewhere)
		return command->run(2, (char *[]){ argv[rest], "--help", NULL });
	options_print_help(command);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "Say what the commands and their options are.",
	.options = options,
	.run = run,
};
