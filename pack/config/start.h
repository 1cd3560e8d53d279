/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program needs in an image beside its libraries, as far as it can be guessed, for the
 * hull.yaml that `hull init` writes: of a known program the presets (tree/presets.h) that it, or
 * the interpreter of a script, wants, arguments that keep a server in the foreground and reachable,
 * and its port; of the arguments those that are files here. Nothing of it is done by
 * `hull build` itself: it stands in the file, where people see it and change it.
 */
#pragma once
#include "pack/arena.h"

struct start {
	struct strings args; /* the program's own, or those that it is known to need */
	struct strings presets, files, ports;
	const char *cwd; /* NULL: the default */
};

/* `program` as on the command line; args: as many as there are, NULL-terminated. */
void start_guess(struct start *start, struct arena *arena, const char *program, char **args);
