/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hello, with what it was started with. Built dynamic, static, static-PIE, with musl,
	 and at fixed addresses.
 */
#include <stdio.h>

int main(int argc, char **argv)
{
	printf("hello from C\n");
	for (int i = 1; i < argc; i++)
		printf("argument %d: %s\n", i, argv[i]);
	return 0;
}
