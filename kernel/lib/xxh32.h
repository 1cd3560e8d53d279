/* SPDX-License-Identifier: BSD-2-Clause */
/* XXH32 with seed 0 ("xxHash fast digest algorithm", §XXH32): a checksum that costs little on large
 * data. No protection against people. */
#pragma once
#include "lib/types.h"

uint32_t xxh32(const void *bytes, size_t len);
