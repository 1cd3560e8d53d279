/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting CPUs as a PC does: INIT, then STARTUP. Intel SDM 3A §8.4. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct boot_info;
struct cpu_start;

void sipi_init(const struct boot_info *info);
/* platform.start_cpu. */
MUST_CHECK int sipi_start_cpu(const struct cpu_start *how);
