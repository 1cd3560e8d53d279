/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest program of the SDK: it says hello by which backend, and has nothing to wait for. */
#include <hull.h>

#include <stdio.h>

int hull_start(int argc, char **argv)
{
	printf("hello, %s\n", argc > 1 ? argv[1] : "world");
	return 0;
}
