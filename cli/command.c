/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks a subcommand up by its name, in the table of the executable that this is linked into. */
#include "cli/command.h"

#include <string.h>

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}
