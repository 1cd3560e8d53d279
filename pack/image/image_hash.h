/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SHA-256 of each section of an image, which its header notes: a checksum tells accidents, a
 * hash also a change that somebody meant.
 */
#pragma once
#include "pack/image/image_file.h"

/* 0, or -1: a section is not what was written. */
int image_hash_check(const struct image_file *image, const char *name, struct failure *failure);
