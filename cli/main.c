/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The `hull` command: finds the subcommand in the table and runs it. Everything about one
 * subcommand is in its cmd_<name>.c.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

const struct command *const commands[] = {
	&cmd_run,     &cmd_init,   &cmd_build,   &cmd_inspect, &cmd_scan,
	&cmd_rewrite, &cmd_doctor, &cmd_version, &cmd_help,    NULL,
};

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		fprintf(stderr, "Usage: hull COMMAND [ARGUMENT...]\nTry 'hull --help'.\n");
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return cmd_help.run(1, argv);
	if (strcmp(argv[1], "--version") == 0)
		return cmd_version.run(1, argv);
	command = command_find(argv[1]);
	if (!command) {
		message_print("there is no command '%s'; 'hull --help' lists them", argv[1]);
		return EXIT_USAGE;
	}
	return command->run(argc - 1, argv + 1);
}
