/* SPDX-License-Identifier: BSD-2-Clause */
/* Randomness of the kernel's generator (getrandom(2)). */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/core.h"

void hull_random(void *to, size_t len)
{
	size_t total = 0;

	while (total < len) {
		ssize_t n = getrandom((char *)to + total, len - total, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* a program must not go on with bytes that anybody knows */
		total += n > 0 ? (size_t)n : 0;
	}
}
