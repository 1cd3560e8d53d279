/* SPDX-License-Identifier: BSD-2-Clause */
/* A line on stderr, by one write: lines of several threads do not mix. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "core/core.h"

#define LINE_MAX_BYTES 1024

void hull_log(const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	n = min(n, (int)sizeof(line) - 2);
	line[n] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
		return; /* there is nowhere to say so */
}
