/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends badly, in the way that its argument names: null, text, stack, abort, raise N, exit N.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int depth;

#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int __attribute__((noinline)) recurse(int n)
{
	volatile char block[4096];

	block[0] = (char)n;
	depth = n;
	return recurse(n + 1) + block[0];
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "null";
	int number = argc > 2 ? atoi(argv[2]) : 0;

	printf("about to: %s\n", kind);
	fflush(stdout);
	if (!strcmp(kind, "null"))
		*(volatile int *)(uintptr_t)(uint32_t)number = 1;
	else if (!strcmp(kind, "text"))
		*(volatile char *)(uintptr_t)main = 1;
	else if (!strcmp(kind, "stack"))
		return recurse(0);
	else if (!strcmp(kind, "abort"))
		abort();
	else if (!strcmp(kind, "raise"))
		raise(number);
	else if (!strcmp(kind, "exit"))
		exit(number);
	return 99;
}
