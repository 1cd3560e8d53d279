/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a failure. */
#include <stdarg.h>
#include <stdio.h>

#include "pack/failure.h"

int failure_set(struct failure *failure, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	va_end(args);
	return -1;
}
