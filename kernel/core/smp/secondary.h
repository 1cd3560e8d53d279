/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUs beside the one that boots. They are started early, while the rest of the start goes on,
 * and waited for before the program is launched: it must find them all when it first counts them.
 */
#pragma once
#include "lib/compiler.h"

struct boot_info;
struct cpu;

/* Both in thread context, once. A CPU that does not come is left out, with a warning in the log. */
void secondary_start_all(const struct boot_info *info);
void secondary_wait_all(void);
/* Where the entry code goes on, on the new CPU: interrupts off, on its idle thread's stack. */
NORETURN void cpu_secondary_main(struct cpu *cpu);
