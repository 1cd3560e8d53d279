/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launch/memory_size.h"

#define MIB (UINT64_C(1) << 20)

bool memory_size_parse(const char *text, uint64_t *bytes)
{
	static const char units[] = "kKmMgGtT";
	unsigned shift = 20;
	unsigned long long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end) {
		const char *unit = strchr(units, *end++);

		if (!unit)
			return false;
		shift = 10 * (unsigned)((unit - units) / 2 + 1);
		end += *end == 'i';
		end += *end == 'B';
	}
	if (errno || *end || n > (UINT64_MAX - MIB) >> shift)
		return false;
	*bytes = ((n << shift) + MIB - 1) & ~(MIB - 1);
	return true;
}
