/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is counted per user, whichever of its processes uses it (getrlimit(2), RLIMIT_SIGPENDING):
 * queued signals, and timers, which each hold one in reserve; pages that are lent to the network
 * (RLIMIT_MEMLOCK, Documentation/networking/msg_zerocopy.rst). A user is there while it has any.
 * Any context.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

/* One more for this user. False: that would be more than `limit`, or there is no memory. */
MUST_CHECK bool user_counts_add_signal(uint32_t uid, uint64_t limit);
void user_counts_drop_signal(uint32_t uid);
unsigned user_counts_signals(uint32_t uid);
/* The same for so many pages. */
MUST_CHECK bool user_counts_add_pages(uint32_t uid, uint64_t nr, uint64_t limit);
void user_counts_drop_pages(uint32_t uid, uint64_t nr);
