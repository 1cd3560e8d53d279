/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of kernel addresses. pack/link/symbols.c makes the table from the first link, for the
 * second.
 */
#include <abi/hull/boot.h>

#include "core/panic.h"
#include "lib/fmt.h"

/* Weak: in the first link there is no table, and their addresses are 0. */
extern const uint32_t symbol_count __attribute__((weak));
extern const uint32_t symbol_offsets[] __attribute__((weak)); /* address - KERNEL_BASE, ascending */
extern const uint32_t symbol_names[] __attribute__((weak));   /* into symbol_text */
extern const char symbol_text[] __attribute__((weak));

size_t symbol_describe(unsigned long address, char *buf, size_t size)
{
	uint32_t offset = (uint32_t)(address - KERNEL_BASE), low = 0;
	uint32_t high = &symbol_count == NULL ? 0 : symbol_count;

	if (address < KERNEL_BASE || high == 0 || offset < symbol_offsets[0])
		return (size_t)fmt(buf, size, "%#lx", address);
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (symbol_offsets[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return (size_t)fmt(buf, size, "%s+%#x", symbol_text + symbol_names[low],
			   offset - symbol_offsets[low]);
}
