/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's CPUs as people write them: -c of `hull run` and `hull build`, cpus in hull.yaml. */
#pragma once
#include <stdbool.h>

#include "abi/hull/boot.h"

#define CPU_COUNT_MAX BOOT_MAX_CPUS

/* A number from 1 to CPU_COUNT_MAX. False: it is none, and *nr is as it was. */
bool cpu_count_parse(const char *text, unsigned *nr);
