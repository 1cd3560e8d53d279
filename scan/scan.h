/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which system calls can a program make? The answer is an over-approximation: what can happen is in
 * it, and what cannot be decided is named, never dropped.
 *
 * 1. Files: the closure of libraries (closure/closure.h); the loader runs too.
 * 2. Code, per file, once: functions (bounds by .eh_frame, symbols, Go's pclntab, targets of
 *    calls), and by a sweep of each what it refers to: code that it calls or jumps to, code and
 *    data whose address it takes, slots of the GOT. Jump tables are read. (code/code.h)
 * 3. Reachability over all files (reach.h): roots are the entry points, constructors and
 *    destructors. A reached function reaches what it calls, and all code whose address it takes;
 *    data whose address it takes gives the pointers in that piece of data, by the relocations.
 *    References by symbol are bound as the loader binds them (scope order, versions, copies,
 *    IFUNC). Names that code gives to dlsym reach the symbols of those names.
 * 4. Values (value/value.h): at each reached `syscall` instruction the number in EAX is followed
 *    backwards through registers, stack slots, arithmetic with constants, fields of structures on
 *    the stack and global variables; where it comes from the enclosing function's arguments, to
 *    each reached caller. That is all there is to wrappers: syscall(2) of any libc, cancellation
 *    points, Go's two calling conventions.
 *
 * What is assumed: compiled code keeps to the ABI (callee-saved registers, no writes into the
 * caller's frame but through pointers it was given); code is not made at run time (a JIT's code
 * makes calls through libraries' functions); data whose address is not taken in any reached code is
 * not used; pieces of data in stripped files begin at addresses that code refers to and that are
 * aligned as compilers align aggregates (scan_options.whole_data turns this off: every pointer of a
 * file counts once the file is loaded).
 *
 * A struct scan keeps what is known of each file, so that many programs of one process share the
 * work on libc. Not for several threads at once.
 */
#pragma once
#include "scan/closure/closure.h"

/* Linux's are far below (x86-64 has 0..461 in 2024); Hull's own, abi/hull/native.h, just below. */
#define SCAN_MAX_CALLS 1032

struct scan;

struct scan_options {
	struct closure_options closure;
	bool whole_data; /* every code pointer in data counts: surer, larger */
};

/* How sure a call is, best first. */
enum scan_certainty {
	SCAN_EXACT,    /* a constant in the function that has the `syscall` */
	SCAN_SET,      /* one of a few constants there */
	SCAN_ARGUMENT, /* a constant that a caller gives to a wrapper */
	SCAN_ASSUMED,  /* through memory that other code may write too */
};

enum scan_door { SCAN_SYSCALL, SCAN_INT80, SCAN_SYSENTER };

/* A reached instruction that enters the kernel. */
struct scan_site {
	const char *file;     /* closure_object.path */
	uint64_t address;     /* in the file's own addresses, as objdump has them */
	const char *function; /* NULL: no symbol covers it */
	uint64_t function_address;
	enum scan_door door;
	unsigned nr_calls;   /* different numbers found */
	const char *unknown; /* why not all of its numbers are known; NULL: they are */
	/* where the number got lost, when that is not at the site itself; file NULL: at the site */
	const char *unknown_file, *unknown_function;
	uint64_t unknown_address;
};

/* One way to a call: this site, with the number loaded there. */
struct scan_origin {
	unsigned site; /* index of answer->sites */
	enum scan_certainty certainty;
	const char *file, *function; /* where the constant is; function may be NULL */
	uint64_t address;
};

struct scan_call {
	unsigned number;
	const char *name;              /* NULL: no such call in Linux 6.1 */
	enum scan_certainty certainty; /* the best of its origins' */
	struct scan_origin *origins;
	unsigned nr_origins;
};

/* What the reader should know: dlopen is reachable, programs are started, ... */
struct scan_note {
	char *text;
};

/* Of each file of the closure. */
struct scan_file {
	const char *path;
	unsigned nr_functions, nr_reached, nr_sites, nr_sites_reached;
	uint64_t code_bytes;
};

struct scan_answer {
	/*
	 * The answer's own: closure->missing says what is not in. Libraries that code opens by a
	 * constant name are in it (is_opened).
	 */
	struct closure *closure;
	struct scan_call *calls; /* by number */
	unsigned nr_calls;
	struct scan_site *sites;
	unsigned nr_sites, nr_unknown_sites;
	/*
	 * Numbers at any site of the closure, reached or not: what looking at whole libraries
	 * gives. nr_naive of them, sorted.
	 */
	unsigned naive[SCAN_MAX_CALLS];
	unsigned nr_naive;
	struct scan_file *files; /* as closure->objects */
	struct scan_note *notes;
	unsigned nr_notes;
	/* reached: the program can open libraries at run time, can start other programs */
	bool uses_dlopen, uses_exec;
};

int scan_new(struct scan **scan);
void scan_free(struct scan *scan); /* after the answers */

/* 0, or -Exxx with a message. The caller frees the answer. options may be NULL. */
int scan_program(struct scan *scan, const char *program, const struct scan_options *options,
		 struct scan_answer **answer, struct scan_error *error);
void scan_answer_free(struct scan_answer *answer);
bool scan_answer_has(const struct scan_answer *answer, const char *name);

/* Linux's names: NULL, or -1, for what it does not have. */
const char *scan_call_name(unsigned number);
int scan_call_number(const char *name);
