/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a hull.yaml for a program, with a comment at each key. */
#pragma once
#include "pack/arena.h"

/* `program` NULL: an example's. args: as many as there are, NULL-terminated. */
const char *init_text(struct arena *arena, const char *program, char **args);
