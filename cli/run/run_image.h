/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hull run IMAGE [ARGUMENT...]`: what the image says stands where a program's run would look at
 * the caller, and the options go on top of it. Arguments, if there are any, take the place of the
 * image's, but for the program's own name.
 */
#pragma once
#include "cli/run/guest_image.h"
#include "cli/run/run.h"

/*
 * The whole command line once more, with the image's own options before it. 0, or an exit status
 * after a message.
 */
int run_image_options(const struct guest_image *image, int argc, char **argv,
		      struct run_options *options);
/* Program, environment, directory, user, memory, kernel: 0, or an exit status after a message. */
int run_image_plan(struct run_plan *plan);
/* Its mounts, in the launch record; embed: its root too, for who cannot map it. */
void run_image_record(struct run_plan *plan);
