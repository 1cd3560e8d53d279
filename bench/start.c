/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long the kernel has run when main begins: CLOCK_MONOTONIC starts at the kernel's entry. Means
 * something in a guest only.
 */
#include "measure.h"

int main(void)
{
	int64_t now = measure_now_ns();

	printf("entry-to-main %.3f ms\n", (double)now / 1e6);
	return 0;
}
