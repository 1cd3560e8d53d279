/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an image says of itself beside what it does: the options of `hull run` that are not the
 * guest's, one argument a line; and how it was built, as JSON for `hull inspect`.
 */
#pragma once
#include "pack/build.h"

/* Sets build->image.run and build->image.facts. */
int facts_make(struct build *build, struct failure *failure);
