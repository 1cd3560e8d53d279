/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's own last words, by one write and without printf(3). */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"

#define LINE_MAX_BYTES 512

void hull_say(const char *first, ...)
{
	char line[LINE_MAX_BYTES];
	size_t len = 0, n;
	va_list parts;

	va_start(parts, first);
	for (const char *part = first; part != NULL; part = va_arg(parts, const char *)) {
		n = min(strlen(part), sizeof(line) - 1 - len);
		memcpy(line + len, part, n);
		len += n;
	}
	va_end(parts);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* there is nowhere to say so */
}
