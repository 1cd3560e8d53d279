/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls by number and by name, and sets of them, for each of the three tables of calls that
 * a program can use on Linux/x86-64. A call without a known name is named syscall_NUMBER.
 *
 * As text a call of the 64-bit table is its name alone, as `hull build --calls` takes it; of the
 * others it is i386:NAME or x32:NAME.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum call_abi { CALL_X86_64, CALL_I386, CALL_X32, CALL_ABIS };

#define CALL_NUMBERS 1088 /* of 64 each; Hull's own are from 1024 on (abi/hull/native.h) */
#define CALL_TEXT    64   /* bytes of a call as text, with its 0 */

struct call_at {
	enum call_abi abi;
	unsigned nr;
};

/* All zero is the empty set. */
struct call_set {
	uint64_t bits[CALL_ABIS][CALL_NUMBERS / 64];
};

/* A call as text. */
void call_text(enum call_abi abi, unsigned nr, char text[CALL_TEXT]);
/* The call that a text means; false: none. */
bool call_of_text(const char *text, enum call_abi *abi, unsigned *nr);

void call_set_add(struct call_set *set, enum call_abi abi, unsigned nr);
bool call_set_has(const struct call_set *set, enum call_abi abi, unsigned nr);
/* set |= other */
void call_set_join(struct call_set *set, const struct call_set *other);
/* set &= ~other */
void call_set_drop(struct call_set *set, const struct call_set *other);
unsigned call_set_count(const struct call_set *set);
/* The first call of the set that is not before *at, in the order of the tables; false: none. */
bool call_set_find(const struct call_set *set, struct call_at *at);
/* Goes through a set's calls by a struct call_at *at. */
#define call_set_foreach(set, at) \
	for (*(at) = (struct call_at){ CALL_X86_64, 0 }; call_set_find(set, at); (at)->nr++)
