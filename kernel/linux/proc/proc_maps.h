/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files under /proc/<pid> count of an address space. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct vmspace;
struct proc_memory { /* pages */
	uint64_t code_pages, library_pages, data_pages, stack_pages, file_pages, locked_pages;
};
void proc_memory_get(struct vmspace *vs, struct proc_memory *out);
