/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room beside a system-call site that is too short for a jump of its own.
 *
 *	31 c0			xor %eax, %eax: two bytes, as read(2) is number 0
 *	0f 05			syscall
 *	48 3d 00 f0 ff ff	cmp $-4096, %rax
 *	77 xx			ja, the error
 *	c3			ret
 *	66 2e 0f 1f 84 00 ...	a no-operation up to the next multiple of 16
 *
 * Nobody executes what fills the gap behind that `ret`: control does not fall into it, and jumps go
 * to what stands behind it. So a long jump can be put there, and a short one to it in place of the
 * `xor`. The gap may serve other sites near it, too, such as the same function's for programs with
 * threads. Intel SDM 2B, "NOP", table 4-12: the forms in which compilers fill.
 */
#pragma once
#include "lib/types.h"

#define DOOR_XOR_SIZE 2 /* and of the short jump that replaces it */
#define DOOR_PAD_JUMP 5 /* bytes of a jump in a gap */

struct door_pad {
	uaddr_t at;
	unsigned len; /* bytes */
};

/* The largest gap that a short jump at `site` reaches; false: there is none. */
bool door_pad_find(uaddr_t site, struct door_pad *out);
/* rel8 of the short jump at `site` to `at`; false: too far. */
bool door_pad_reach(uaddr_t site, uaddr_t at, uint8_t *rel);
