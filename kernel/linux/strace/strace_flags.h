/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of flag bits and of values, for strace. */
#pragma once
#include "lib/types.h"
#include "linux/syscall.h"

/*
 * Text of a value whose type is a set of flags ("O_RDONLY|O_CLOEXEC") or one of several names
 * ("SEEK_SET"). Returns the length, 0 if `type` is neither.
 */
size_t strace_flags(char *buf, size_t size, enum syscall_arg type, unsigned long value);
