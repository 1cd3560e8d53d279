/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Known sets of the host's files, by a name: what some programs need that no analysis of their
 * ELF files finds. A preset is a list of rules, as people would write them; patterns that match
 * nothing are left out, as long as one matches.
 */
#pragma once
#include "pack/tree/host_files.h"

/* 0, or -1: an unknown name (with those that there are), or nothing of it is here. */
int presets_add(struct host_files *files, const char *name, const struct place *place,
		struct failure *failure);
/* Is there such a preset, and anything of it on this host? */
bool presets_are_here(const char *name);
/* Preset i, for a list; NULL behind the last. */
const char *presets_name(unsigned i, const char **what);
