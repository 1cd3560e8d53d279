/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs an image that was just written, by the hull beside this executable, before it gets its
 * name: with the arguments of config->verify_command in the place of its own, if there are any.
 * It must end with status 0, and within config->verify_seconds. Calls that its kernel has not and
 * that it asked for become notes.
 */
#pragma once
#include "pack/build.h"

int verify_image(struct build *build, int image_fd, struct failure *failure);
