/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls and jumps (e8, e9) of x86 code with absolute instead of relative targets: a function that
 * is called from many places is then the same bytes each time, which compresses by a tenth better.
 * The transformation is that of LZX ("E8 call translation", Microsoft's Cabinet format), for e9 as
 * well.
 */
#pragma once
#include "lib/types.h"

void x86_branch_encode(void *code, size_t len);
void x86_branch_decode(void *code, size_t len);
