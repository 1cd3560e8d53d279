/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbolic links of an image that lead to something that the host has and the image has not: mostly
 * a folder that was forgotten. One note for all of them.
 */
#pragma once
#include "pack/tree/tree.h"

void links_note(struct tree *tree, struct strings *notes);
