/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * A guest's memory as people write it: a number of MiB, or with K, M, G or T behind it (64M, 2G,
 * 2GiB). Rounded up to whole MiB. False: it is no size, or no 64 bits hold it.
 */
bool memory_size_parse(const char *text, uint64_t *bytes);
