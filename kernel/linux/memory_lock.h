/* SPDX-License-Identifier: BSD-2-Clause */
/* RLIMIT_MEMLOCK, for what makes mappings. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

/* A mapping of len bytes more, with enum vm_flags or those of all new ones. -EAGAIN: too much would
 * be locked; -EPERM: locking is not allowed at all. */
MUST_CHECK int memory_lock_check_new(size_t len, unsigned flags);
