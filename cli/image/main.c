/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The executable hull-image: the commands of hull that make and read images, and that look into
 * programs as files. People type `hull build`, and hull runs this (cli/image_commands.c).
 */
#include <stdio.h>

#include "cli/command.h"

const struct command *const commands[] = {
	&cmd_init, &cmd_build, &cmd_inspect, &cmd_scan, &cmd_rewrite, NULL,
};

int main(int argc, char **argv)
{
	const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;

	if (command)
		return command->run(argc - 1, argv + 1);
	fprintf(stderr, "Usage: hull init|build|inspect|scan|rewrite [ARGUMENT...]\n"
			"Try 'hull --help'.\n");
	return EXIT_USAGE;
}
