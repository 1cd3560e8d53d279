/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks that run once before the program is launched, in thread context with devices probed, in no
 * order. For leaves that a special image adds (the kernel's own tests).
 */
#pragma once
#include "lib/compiler.h"

struct start_hook {
	void (*run)(void);
};
#define START_HOOK(name) LINKER_SET_ITEM(start_hooks, struct start_hook) name
