/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and sets. mk/scan.mk makes the 32-bit table's initialisers, [number] = "name", of the tool
 * chain's header.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/image/scan/call_set.h"
#include "scan/scan.h"

static const char *const names_32[CALL_NUMBERS] = {
#include CALL_NAMES_32
};

static const char *const prefixes[CALL_ABIS] = {
	[CALL_I386] = "i386:",
	[CALL_X32] = "x32:",
	[CALL_X86_64] = "",
};

/* NULL: none. Of x32 those are known that it shares with the 64-bit table. */
static const char *name_of(enum call_abi abi, unsigned nr)
{
	if (nr >= CALL_NUMBERS)
		return NULL;
	return abi == CALL_I386 ? names_32[nr] : scan_call_name(nr);
}

#define UNNAMED "syscall_"

void call_text(enum call_abi abi, unsigned nr, char text[CALL_TEXT])
{
	const char *name = name_of(abi, nr);

	if (name)
		snprintf(text, CALL_TEXT, "%s%s", prefixes[abi], name);
	else
		snprintf(text, CALL_TEXT, "%s" UNNAMED "%u", prefixes[abi], nr);
}

static enum call_abi abi_of_text(const char **text)
{
	for (int abi = CALL_X86_64 + 1; abi < CALL_ABIS; abi++) {
		size_t len = strlen(prefixes[abi]);

		if (strncmp(*text, prefixes[abi], len) == 0) {
			*text += len;
			return (enum call_abi)abi;
		}
	}
	return CALL_X86_64;
}

bool call_of_text(const char *text, enum call_abi *abi, unsigned *nr)
{
	*abi = abi_of_text(&text);
	for (unsigned i = 0; i < CALL_NUMBERS; i++) {
		const char *name = name_of(*abi, i);

		if (name && strcmp(name, text) == 0) {
			*nr = i;
			return true;
		}
	}
	if (strncmp(text, UNNAMED, strlen(UNNAMED)) == 0) {
		const char *digits = text + strlen(UNNAMED);
		char *end;
		unsigned long value = strtoul(digits, &end, 10);

		*nr = (unsigned)value;
		return *digits >= '0' && *digits <= '9' && !*end && value < CALL_NUMBERS;
	}
	return false;
}

void call_set_add(struct call_set *set, enum call_abi abi, unsigned nr)
{
	if (nr < CALL_NUMBERS)
		set->bits[abi][nr / 64] |= UINT64_C(1) << (nr % 64);
}

bool call_set_has(const struct call_set *set, enum call_abi abi, unsigned nr)
{
	return nr < CALL_NUMBERS && (set->bits[abi][nr / 64] >> (nr % 64) & 1);
}

void call_set_join(struct call_set *set, const struct call_set *other)
{
	for (int abi = 0; abi < CALL_ABIS; abi++) {
		for (int i = 0; i < CALL_NUMBERS / 64; i++)
			set->bits[abi][i] |= other->bits[abi][i];
	}
}

void call_set_drop(struct call_set *set, const struct call_set *other)
{
	for (int abi = 0; abi < CALL_ABIS; abi++) {
		for (int i = 0; i < CALL_NUMBERS / 64; i++)
			set->bits[abi][i] &= ~other->bits[abi][i];
	}
}

unsigned call_set_count(const struct call_set *set)
{
	unsigned count = 0;

	for (int abi = 0; abi < CALL_ABIS; abi++) {
		for (int i = 0; i < CALL_NUMBERS / 64; i++)
			count += (unsigned)__builtin_popcountll(set->bits[abi][i]);
	}
	return count;
}

bool call_set_find(const struct call_set *set, struct call_at *at)
{
	for (; at->abi < CALL_ABIS; at->abi++, at->nr = 0) {
		for (; at->nr < CALL_NUMBERS; at->nr++) {
			if (call_set_has(set, at->abi, at->nr))
				return true;
		}
	}
	return false;
}
