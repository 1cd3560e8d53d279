/* SPDX-License-Identifier: BSD-2-Clause */
/* `hull run`: the steps are in run.h. */
#include "cli/image_commands.h"
#include "cli/run/run.h"
#include "cli/run/run_image.h"

static int run(int argc, char **argv)
{
	static const struct run_options initial = { .machine = "microvm" };
	static struct run_options options = { .machine = "microvm" };
	static struct run_plan plan = { .options = &options };
	static struct guest_image image;
	int rest, err, is_image = 0;

	streams_probe(&plan.streams);
	err = options_parse(&cmd_run, argc, argv, &options, &rest);
	if (err)
		return err;
	if (rest < argc && !options.rootfs)
		is_image = guest_image_open(argv[rest], &image);
	if (is_image < 0)
		return EXIT_CANNOT_RUN;
	if (options.signature_key && rest < argc && !is_image) {
		message_print("%s: it is no image, and --require-signature asks for a signed one",
			      argv[rest]);
		return EXIT_CANNOT_RUN;
	}
	if (options.signature_key && is_image) {
		err = image_commands_verify(image.fd, image.path, options.signature_key);
		if (err)
			return err;
	}
	if (is_image) {
		options = initial;
		plan.image = &image;
		err = run_image_options(&image, argc, argv, &options);
		if (!err)
			err = run_plan_make(&plan);
		return err ? err : supervise_run(&plan);
	}
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
	.arguments = "[OPTION...] PROGRAM|IMAGE [ARGUMENT...]",
	.summary = "Run a program in a virtual machine of its own, as if it were a process.",
	.options = run_option_rows,
	.run = run,
};
