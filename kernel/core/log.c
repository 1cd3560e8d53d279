/* SPDX-License-Identifier: BSD-2-Clause */
/* The log ring. Lines carry the time since boot and a level; nothing is ever waited for. */
#include "core/log.h"

#include "core/platform.h"
#include "core/sync/spinlock.h"
#include "core/time/timer.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define RING_SIZE (16 * 1024u)
#define LINE_MAX  512

static char ring[RING_SIZE]; /* [lock] */
static uint64_t written;     /* [lock] bytes ever put in */
static bool verbose;
static struct spinlock lock;

static void put(const char *line, size_t len, bool to_port)
{
	scoped_spin(&lock);
	for (size_t i = 0; i < len; i++)
		ring[(written + i) % RING_SIZE] = line[i];
	written += len;
	if (to_port)
		platform_debug_write(line, len);
}

static size_t end_line(char *line, int len)
{
	size_t end = min((size_t)len, (size_t)LINE_MAX - 2);

	line[end] = '\n';
	return end + 1;
}

void log_print(enum log_level level, const char *format, ...)
{
	static const char names[] = "EWID";
	char line[LINE_MAX];
	nsec_t now = clock_monotonic();
	va_list args;
	int len;

	len = fmt(line, sizeof(line), "[%3lld.%06lld] %c ", (long long)(now / NSEC_PER_SEC),
		  (long long)(now % NSEC_PER_SEC / 1000), names[level]);
	va_start(args, format);
	len += fmt_v(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	put(line, end_line(line, len), verbose);
}

void log_user(const char *format, ...)
{
	char line[LINE_MAX];
	va_list args;
	int len = fmt(line, sizeof(line), "hull: ");

	va_start(args, format);
	len += fmt_v(line + len, sizeof(line) - (size_t)len, format, args);
	va_end(args);
	put(line, end_line(line, len), true);
}

/* What was said before the launch record asked for it is shown now. */
void log_set_verbose(bool on)
{
	if (on && !verbose)
		log_dump_last(RING_SIZE);
	verbose = on;
}

size_t log_read(char *buf, size_t len)
{
	scoped_spin(&lock);
	uint64_t have = min(written, (uint64_t)RING_SIZE), from;
	size_t n = min(len, (size_t)have);

	from = written - n;
	for (size_t i = 0; i < n; i++)
		buf[i] = ring[(from + i) % RING_SIZE];
	return n;
}

void log_dump_last(size_t len)
{
	uint64_t have = min(written, (uint64_t)RING_SIZE),
		 from = written - min((uint64_t)len, have);

	while (from < written) {
		size_t at = from % RING_SIZE, n = min(RING_SIZE - at, (size_t)(written - from));

		platform_debug_write(&ring[at], n);
		from += n;
	}
}
