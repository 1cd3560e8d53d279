/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's random numbers: ChaCha20 keyed by everything that random_add was given. Any
 * context. */
#pragma once
#include "lib/types.h"

void random_add(const void *entropy, size_t len);
void random_get(void *buf, size_t len);
uint64_t random_u64(void);
