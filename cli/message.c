/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of hull itself: one line each, one write(2) each, right also on a raw terminal. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/terminal.h"

void message_print(const char *format, ...)
{
	char line[2048];
	size_t len = (size_t)snprintf(line, sizeof(line), "hull: ");
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line + len, sizeof(line) - len - 3, format, args);
	va_end(args);
	if (n > 0)
		len = strlen(line);
	if (terminal_is_raw())
		line[len++] = '\r';
	line[len++] = '\n';
	(void)!write(STDERR_FILENO, line, len); /* nowhere left to complain to */
}
