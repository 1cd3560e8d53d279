/* SPDX-License-Identifier: BSD-2-Clause */
/* `hull run`: the steps are in run.h. */
#include "cli/run.h"

static int run(int argc, char **argv)
{
	static struct run_options options = { .machine = "microvm" };
	static struct run_plan plan = { .options = &options };
	int rest, err;

	streams_probe(&plan.streams);
	err = options_parse(&cmd_run, argc, argv, &options, &rest);
	if (err)
		return err;
	if (rest >= argc) {
		message_print("run: which program? Try: hull run /bin/echo hello");
		return EXIT_USAGE;
	}
	options.argc = argc - rest;
	options.argv = argv + rest;
	err = run_plan_make(&plan);
	return err ? err : supervise_run(&plan);
}

const struct command cmd_run = {
	.name = "run",
	.arguments = "[OPTION...] PROGRAM [ARGUMENT...]",
	.summary = "Run a program in a virtual machine of its own, as if it were a process.",
	.options = run_option_rows,
	.run = run,
};
