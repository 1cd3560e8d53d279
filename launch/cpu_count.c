/* SPDX-License-Identifier: BSD-2-Clause */
/* The count's form and bounds (cpu_count.h). */
#include <errno.h>
#include <stdlib.h>

#include "launch/cpu_count.h"

bool cpu_count_parse(const char *text, unsigned *nr)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n < 1 || n > CPU_COUNT_MAX)
		return false;
	*nr = (unsigned)n;
	return true;
}
