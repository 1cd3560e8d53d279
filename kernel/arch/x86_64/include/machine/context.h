/* SPDX-License-Identifier: BSD-2-Clause */
/* What context_switch() keeps of a thread that does not run. First in struct thread. */
#pragma once
#include "lib/types.h"

struct context {
	vaddr_t ksp;        /* [o] stack pointer while switched away */
	vaddr_t kstack_top; /* [I] */
	void *fpu;          /* [o] XSAVE area; NULL: a thread without a program */
	uint64_t fs_base;   /* [o] while switched away, and only with an fpu area */
};
