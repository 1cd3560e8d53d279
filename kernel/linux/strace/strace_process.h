/* SPDX-License-Identifier: BSD-2-Clause */
/* What strace shows of signals and of the ends of processes. */
#pragma once
#include <asm/siginfo.h>

#include "lib/types.h"

#define STRACE_DETAILS_MAX 240 /* none of these texts is longer */

/* Text into buf, as strace(1) has it. */
void strace_siginfo(char *buf, size_t size, const siginfo_t *info);
void strace_wait_status(char *buf, size_t size, int status); /* of wait4(2) */
