/* SPDX-License-Identifier: BSD-2-Clause */
/* Splits the kernel's log into lines, shows some, keeps the last. */
#include <string.h>
#include <unistd.h>

#include "cli/run/guest_log.h"
#include "cli/terminal.h"

static void print(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, bytes, len);

		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void print_line(const char *line, size_t len)
{
	print(line, len);
	if (terminal_is_raw())
		print("\r\n", 2);
	else
		print("\n", 1);
}

static void keep(struct guest_log *log, char c)
{
	log->kept[log->kept_len++ % sizeof(log->kept)] = c;
}

static void end_line(struct guest_log *log)
{
	bool shown = log->level == GUEST_LOG_ALL ||
		     (log->level == GUEST_LOG_USER && log->line_len >= 6 &&
		      memcmp(log->line, "hull: ", 6) == 0);

	if (shown)
		print_line(log->line, log->line_len);
	for (size_t i = 0; i < log->line_len; i++)
		keep(log, log->line[i]);
	keep(log, '\n');
	log->line_len = 0;
}

void guest_log_write(struct guest_log *log, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\r')
			continue;
		if (bytes[i] != '\n')
			log->line[log->line_len++] = bytes[i];
		if (bytes[i] == '\n' || log->line_len == sizeof(log->line))
			end_line(log);
	}
}

void guest_log_dump(struct guest_log *log)
{
	size_t at = log->kept_len > sizeof(log->kept) ? log->kept_len - sizeof(log->kept) : 0;

	if (log->line_len)
		end_line(log);
	if (log->level == GUEST_LOG_ALL)
		return;
	for (; at < log->kept_len; at++)
		print(&log->kept[at % sizeof(log->kept)], 1);
}
