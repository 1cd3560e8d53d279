/* SPDX-License-Identifier: BSD-2-Clause */
/* The host tests' machine has no traps: faults are calls (test/host/machine.c). */
#pragma once

struct trap_frame {
	unsigned long result;
};
