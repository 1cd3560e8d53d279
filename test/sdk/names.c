/* SPDX-License-Identifier: BSD-2-Clause */
/* Resolves its arguments, all at once, and prints what each is, in their order. */
#include <hull.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 32

static char lines[NAMES_MAX][2048];
static const char *names[NAMES_MAX];
static int nr_names, nr_done;

static void resolved(void *user, int error, const struct hull_address *addresses, unsigned nr)
{
	char *line = user, text[HULL_ADDRESS_TEXT];

	if (error != 0)
		strcpy(line, strerror(error));
	for (unsigned i = 0; i < nr; i++) {
		strcat(line, i == 0 ? "" : " ");
		strcat(line, hull_address_text(&addresses[i], text));
	}
	if (++nr_done < nr_names)
		return;
	for (int i = 0; i < nr_names; i++)
		printf("%.40s: %s\n", names[i], lines[i]);
}

static void never(void *user, int error, const struct hull_address *addresses, unsigned nr)
{
	printf("a query that was cancelled is answered\n");
}

int hull_start(int argc, char **argv)
{
	struct hull_query *q;
	int err;

	nr_names = argc - 1;
	for (int i = 0; i < nr_names; i++) {
		names[i] = argv[i + 1];
		if (hull_resolve(names[i], 80, never, NULL, &q) == 0)
			hull_query_cancel(q);
		err = hull_resolve(names[i], 80, resolved, lines[i], &q);
		if (err != 0)
			resolved(lines[i], -err, NULL, 0);
	}
	return 0;
}
