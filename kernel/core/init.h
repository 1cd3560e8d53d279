/* SPDX-License-Identifier: BSD-2-Clause */
/* Where every boot protocol arrives: on a boot stack, interrupts off, with a checked boot_info. */
#pragma once
#include "lib/compiler.h"

struct boot_info;
NORETURN void kernel_main(const struct boot_info *info);
