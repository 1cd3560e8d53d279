/* SPDX-License-Identifier: BSD-2-Clause */
/* What an image brings with it (abi/hull/image.h). */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct boot_info;

/*
 * Finds launch record and root in the payload, if there is one, for those that the boot protocol
 * did not bring itself, and marks it reserved. Memory below `limit` can be reached. NULL, or what
 * is wrong with the image, as a line for the user.
 */
MUST_CHECK const char *payload_find(struct boot_info *info, uint64_t limit);
