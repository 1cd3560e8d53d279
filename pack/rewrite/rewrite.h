/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patching a program's system calls ahead of time, in its file: DESIGN §2, door 3. The form of a
 * patched site, of its stub and of the file's note is abi/hull/door.h.
 *
 * A file that goes in is a program, an interpreter (ld.so) or a library for x86-64, stripped or
 * not; what comes out is the same file with its sites changed in place and one segment more at its
 * end:
 *
 *	note		what was done
 *	program headers	the table, which has grown by two: the segment and its note
 *	check		the entry point: outside of Hull it says so and ends (entry_check.c)
 *	stubs		one a site
 *
 * Everything else stays where it was: addresses, offsets, symbols, unwinding tables, the build id.
 * The section headers move to the end and have two more. Without sites, or already rewritten, the
 * file stays as it is. The same file gives the same bytes.
 *
 * Which sites there are, and which instructions before them may be moved, is scan/sites.h's word. A
 * site that cannot be changed stays a `syscall` that enters the kernel the slow way.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pack/failure.h"

/* Why a site stays as it is. */
enum rewrite_refusal {
	REWRITE_SIGRETURN, /* unwinders and debuggers recognise it by its bytes */
	REWRITE_NO_ROOM,   /* too few bytes before it, and no gap nearby for a longer jump */
	REWRITE_ENTERED,   /* the instructions before it may be jumped to, one by one */
	REWRITE_FLAGS,     /* what follows uses the flags, which the kernel's fast way changes */
	REWRITE_IMMOVABLE, /* an instruction before it does not work elsewhere */
	REWRITE_RELOCATED, /* the loader changes its bytes */
	REWRITE_TOO_FAR,   /* the stub is out of a jump's reach */
	REWRITE_NR_REFUSALS
};

enum rewrite_outcome {
	REWRITE_DONE,
	REWRITE_NO_SITES, /* unchanged: there is no site, or none that can be changed */
	REWRITE_ALREADY,  /* unchanged: it has the note */
};

struct rewritten {
	enum rewrite_outcome outcome;
	uint8_t *bytes; /* malloc()ed; NULL unless REWRITE_DONE */
	size_t len_bytes;
	unsigned nr_sites, nr_rewritten;
	unsigned nr_refused[REWRITE_NR_REFUSALS];
};

/*
 * 0, or -1 with the reason: no ELF file for x86-64, broken, or of a kind that cannot be (data
 * behind its end). `path` is for messages.
 */
int rewrite_bytes(struct rewritten *out, const char *path, const void *bytes, size_t len_bytes,
		  struct failure *failure);
void rewritten_fini(struct rewritten *r);

/* In words, for a line "N sites: ..." */
const char *rewrite_refusal_text(enum rewrite_refusal why);
