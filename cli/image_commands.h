/* SPDX-License-Identifier: BSD-2-Clause */
/* Where hull finds the executable hull-image (image_commands.c says why there is one). */
#pragma once
#include <limits.h>

/* The path of hull-image. 0, or EXIT_HULL after a message. */
int image_commands_path(char path[PATH_MAX]);

/* Has the key (PEM) signed the open image? hull-image looks. 0, or EXIT_* after a message. */
int image_commands_verify(int image_fd, const char *path, const char *key);
