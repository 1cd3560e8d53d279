/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A panic is a bug of the kernel's, never input. Prints registers, a symbolised backtrace and the
 * last log lines, and ends the VM with VM_END_PANIC. assert() is compiled in under DEBUG.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct trap_frame;

PRINTF(1, 2) NORETURN void panic(const char *format, ...);
PRINTF(2, 3) NORETURN void panic_at(const struct trap_frame *f, const char *format, ...);

#if defined(DEBUG) || defined(ASSERTIONS) /* the latter: tests on the host */
#define assert(cond) \
	((cond) ? (void)0 : panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond))
#else
#define assert(cond) ((void)sizeof(cond))
#endif

/* "name+0x12" of a kernel address, from the symbol table that the image carries. */
size_t symbol_describe(unsigned long address, char *buf, size_t size);
