/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the boot protocols meet. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

/* Called on the boot stack with the memory mapped as abi/hull/boot.h says. */
NORETURN void direct_main(paddr_t info_paddr);
/* Nothing can be started: says so, a line, and ends the VM. */
NORETURN void direct_refuse(const char *text);
