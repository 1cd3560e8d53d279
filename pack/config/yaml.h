/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hull.yaml: one mapping, whose keys are those of the table in yaml.c (docs/hull.1 says what each
 * means). What is wrong is said with file, line and column; an unknown key with the one that is
 * nearest to it. Relative paths in it are relative to its folder.
 */
#pragma once
#include "pack/config/config.h"

/* Sets what the file says in a config that holds nothing yet. */
int yaml_read(struct config *config, struct arena *arena, const char *path,
	      struct failure *failure);
