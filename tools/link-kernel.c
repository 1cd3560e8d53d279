/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links a kernel from the archive (pack/link/link.h), for mk/kernel.mk and for measurements:
 *
 *	link-kernel --folder DIR --out FILE [--debug FILE] [--map FILE]
 *		[--small] [--calls LIST|@FILE --facts FACT,… [--parts +PART,-PART]] [INPUT…]
 *
 * Without --calls everything is in. INPUT: more for ld. What the kernel holds is printed with
 * --verbose.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack/link/link.h"

static const struct {
	const char *name;
	unsigned fact;
} facts[] = {
	{ "direct", LINK_BOOT_DIRECT },
	{ "pvh", LINK_BOOT_PVH },
	{ "pc", LINK_PC },
	{ "cpus", LINK_CPUS },
	{ "erofs", LINK_ROOT_EROFS },
	{ "cpio", LINK_ROOT_CPIO },
	{ "files", LINK_HOST_FILES },
	{ "tty", LINK_TTY },
	{ "network", LINK_NETWORK },
	{ "proc", LINK_PROC },
	{ "dev", LINK_DEV },
	{ "uart", LINK_CONSOLE_UART },
	{ "strace", LINK_STRACE },
	{ "symbols", LINK_SYMBOLS },
	{ "layer", LINK_LAYER },
	{ "patch", LINK_PATCH },
	{ "report", LINK_REPORT },
	{ "script", LINK_SCRIPT },
	{ "native", LINK_NATIVE },
	{ "native-tcp", LINK_NATIVE_TCP },
	{ "native-groups", LINK_NATIVE_GROUPS },
	{ "dhcp", LINK_DHCP },
	{ "auto6", LINK_AUTO6 },
	{ "resolv", LINK_NAMES },
	{ "clocks", LINK_CLOCKS },
	{ "everything", LINK_EVERYTHING },
};

static unsigned read_facts(char *list)
{
	unsigned result = 0;
	size_t i;

	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		for (i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
			if (strcmp(facts[i].name, name) == 0)
				break;
		if (i == sizeof(facts) / sizeof(facts[0])) {
			fprintf(stderr, "link-kernel: there is no fact %s\n", name);
			exit(2);
		}
		result |= facts[i].fact;
	}
	return result;
}

static void print(const char *what, const struct strings *names)
{
	printf("%zu %s:", names->nr, what);
	for (size_t i = 0; i < names->nr; i++)
		printf(" %s", names->at[i]);
	printf("\n");
}

static bool verbose;

/* The options; the list of calls is the caller's to read. */
static const char *read_options(int argc, char **argv, struct link_request *out)
{
	static const struct option options[] = {
		{ "folder", 1, NULL, 'f' }, { "out", 1, NULL, 'o' },   { "debug", 1, NULL, 'd' },
		{ "map", 1, NULL, 'm' },    { "calls", 1, NULL, 'c' }, { "facts", 1, NULL, 'a' },
		{ "parts", 1, NULL, 'p' },  { "small", 0, NULL, 's' }, { "verbose", 0, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	const char *calls = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			out->folder = optarg;
			break;
		case 'o':
			out->out = optarg;
			break;
		case 'd':
			out->debug = optarg;
			break;
		case 'm':
			out->map = optarg;
			break;
		case 'c':
			calls = optarg;
			break;
		case 'a':
			out->facts = read_facts(optarg);
			break;
		case 'p':
			out->parts = optarg;
			break;
		case 's':
			out->is_small = true;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			exit(2);
		}
	}
	out->inputs = (const char *const *)argv + optind;
	return calls;
}

int main(int argc, char **argv)
{
	struct link_request request = { .folder = "." };
	const char *calls = read_options(argc, argv, &request);
	struct arena arena = { 0 };
	struct failure failure;
	struct link_kernel kernel;
	uint16_t *numbers = NULL;
	int result = 0;

	if (!request.out) {
		fprintf(stderr, "link-kernel: --out is missing\n");
		return 2;
	}
	if (calls)
		result = link_calls_read(calls, &arena, &numbers, &request.nr_calls, &failure);
	else
		request.facts = LINK_EVERYTHING;
	request.calls = numbers;
	if (result == 0)
		result = link_kernel(&request, &arena, &kernel, &failure);
	if (result != 0) {
		fprintf(stderr, "link-kernel: %s\n", failure.text);
	} else if (verbose) {
		print("calls", &kernel.calls);
		print("parts", &kernel.parts);
		printf("%zu bytes\n", kernel.bytes);
	}
	arena_fini(&arena);
	return result != 0;
}
