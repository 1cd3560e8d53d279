/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file that a build makes: it has no name until it is whole, so that neither an error nor a
 * signal leaves half an image, and an older image stays until then.
 */
#pragma once
#include "pack/arena.h"
#include "pack/failure.h"

struct output {
	const char *path;
	int fd;
	const char *temporary; /* its name meanwhile; NULL: it has none */
};

int output_open(struct output *output, struct arena *arena, const char *path,
		struct failure *failure);
/* It takes its name, with these permissions less the umask. Closes it in any case. */
int output_finish(struct output *output, struct arena *arena, unsigned mode,
		  struct failure *failure);
void output_discard(struct output *output);
