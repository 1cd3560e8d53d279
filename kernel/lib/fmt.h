/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf without floating point: %d %i %u %x %X %o %c %s %p %%, with - 0 + space # flags, width,
 * precision (also *), hh h l ll z j t. Returns what the whole text would have taken, as snprintf
 * does.
 */
#pragma once
#include <stdarg.h>

#include "lib/compiler.h"
#include "lib/types.h"

PRINTF(3, 4) int fmt(char *buf, size_t size, const char *format, ...);
PRINTF(3, 0) int fmt_v(char *buf, size_t size, const char *format, va_list args);
