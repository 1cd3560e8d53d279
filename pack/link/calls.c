/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls that Hull has, from the kernel's own table, and lists of them as people write them. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <abi/hull/native.h>

#include "pack/link/link.h"
#include "pack/link/plan.h"

#define ROW(nr, name)                                                           [nr] = #name,
#define SYSCALL0(nr, name, test, flags)                                         ROW(nr, name)
#define SYSCALL1(nr, name, test, flags, t0, a0)                                 ROW(nr, name)
#define SYSCALL2(nr, name, test, flags, t0, a0, t1, a1)                         ROW(nr, name)
#define SYSCALL3(nr, name, test, flags, t0, a0, t1, a1, t2, a2)                 ROW(nr, name)
#define SYSCALL4(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3)         ROW(nr, name)
#define SYSCALL5(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4) ROW(nr, name)
#define SYSCALL6(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
	ROW(nr, name)
static const char *const names[LINK_CALLS_MAX] = {
#include "linux/syscalls.def"
	[NATIVE_CALL_OPEN] = "native_open", [NATIVE_CALL_TURN] = "native_turn",
	[NATIVE_CALL_WAKE] = "native_wake", [NATIVE_CALL_CLOSE] = "native_close",
	[NATIVE_CALL_TCP] = "native_tcp",   [NATIVE_CALL_GROUPS] = "native_groups",
};

const char *link_call_name(unsigned nr)
{
	return nr < LINK_CALLS_MAX ? names[nr] : NULL;
}

/* By name, or by number as `hull inspect --json` has it. */
static int find(const char *name, size_t len)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (*name >= '0' && *name <= '9')
		return end == name + len && link_call_name((unsigned)number) ? (int)number : -1;
	for (int nr = 0; nr < LINK_CALLS_MAX; nr++)
		if (names[nr] && strlen(names[nr]) == len && memcmp(names[nr], name, len) == 0)
			return nr;
	return -1;
}

/* Every call named in text goes into the set. */
static int add_names(const char *text, bool set[LINK_CALLS_MAX], struct failure *failure)
{
	static const char between[] = ", \t\r\n";

	for (text += strspn(text, between); *text != '\0'; text += strspn(text, between)) {
		size_t len = strcspn(text, between);
		int nr = find(text, len);

		if (nr < 0)
			return failure_set(failure,
					   "%.*s: Hull has no system call of this name; "
					   "docs/syscalls.md lists those it has",
					   (int)len, text);
		set[nr] = true;
		text += len;
	}
	return 0;
}

static int add_file(const char *path, bool set[LINK_CALLS_MAX], struct failure *failure)
{
	FILE *file = fopen(path, "re");
	char line[256];
	int result = 0;

	if (!file)
		return failure_set(failure, "cannot read the list of calls %s: %s", path,
				   strerror(errno));
	while (result == 0 && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "#")] = '\0';
		result = add_names(line, set, failure);
	}
	fclose(file);
	return result;
}

int link_calls_read(const char *text, struct arena *arena, uint16_t **calls, size_t *nr,
		    struct failure *failure)
{
	bool set[LINK_CALLS_MAX] = { false };
	int result = text[0] == '@' ? add_file(text + 1, set, failure)
				    : add_names(text, set, failure);

	if (result != 0)
		return -1;
	*calls = arena_alloc(arena, LINK_CALLS_MAX * sizeof(**calls));
	*nr = 0;
	for (unsigned i = 0; i < LINK_CALLS_MAX; i++)
		if (set[i])
			(*calls)[(*nr)++] = (uint16_t)i;
	return 0;
}
