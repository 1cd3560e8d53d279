/* SPDX-License-Identifier: BSD-2-Clause */
/* `hull version`: one line, for people and scripts. */
#include <stdio.h>

#include "cli/command.h"

static int run(int argc, char **argv)
{
	int rest, err = options_parse(&cmd_version, argc, argv, NULL, &rest);

	if (err)
		return err;
	printf("hull %s\n", HULL_VERSION);
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.arguments = "",
	.summary = "Print hull's version.",
	.run = run,
};
