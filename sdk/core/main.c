/* SPDX-License-Identifier: BSD-2-Clause */
/* main(), for programs that define hull_start(). */
#include <string.h>

#include "core/core.h"

struct arguments {
	int argc;
	char **argv;
};

static int start(void *user)
{
	const struct arguments *a = user;

	return hull_start(a->argc, a->argv);
}

int main(int argc, char **argv)
{
	struct arguments a = { argc, argv };
	int status = hull_loop_run(start, &a);

	if (status >= 0)
		return status;
	hull_say(argv[0], ": no loop of events could be made: ", strerror(-status), NULL);
	return 1;
}
