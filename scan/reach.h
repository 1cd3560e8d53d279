/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a program's files can run (scan.h, step 3): a worklist over functions, pieces of data and
 * pointers, each handled once, so that it ends. On the way it writes down who calls what, which
 * scan/value needs.
 *
 * A pointer is bound as the loader binds it: by name and version in the order of the scope, the
 * program's own definitions first. A copied object (R_X86_64_COPY) is the library's and the
 * program's at once.
 *
 * dlsym: in a file that imports it, a string that reached code refers to and that is the name of a
 * dynamic symbol of any file reaches that symbol. The loader looks names up the same way, and the C
 * library in other files than itself. All that the `also` libraries export is reached. In a file
 * that imports dlopen, strings that are names of libraries are collected (opened): a next run has
 * them.
 */
#pragma once
#include "scan/code/code.h"

struct module {
	const struct closure_object *object;
	const struct elf_file *file;
	const struct code *code;
	bool *reached;       /* by function */
	bool *pieces;        /* by split */
	bool *bound;         /* by pointer: followed */
	bool *taken;         /* by pointer: followed as an address, not only called through */
	bool looks_up_names; /* by dlsym, in all files */
	bool is_libc;        /* defines dlsym: looks names up in the others */
	bool opens_files;    /* by dlopen, or defines it */
};

/* A way into code: control, or its address, comes from `from`. */
struct reach_caller {
	uint32_t to_module, to;
	uint32_t from_module, from;
	bool is_call;  /* pushes a return address; otherwise a jump */
	bool is_taken; /* no call: the address is taken there; or (from is CODE_NONE) a root */
};

/* A function, or a piece of data, that was reached and is still to be looked at. */
struct reach_work {
	uint32_t module, index; /* of code->functions or code->splits */
	bool is_piece;
};

struct reach {
	struct module *modules;
	uint32_t nr_modules;
	bool whole_data;
	bool everything; /* all functions are roots */
	struct reach_work *work;
	size_t nr_work, room_work;
	struct reach_caller *callers; /* sorted by to_module, to at the end */
	size_t nr_callers, room_callers;
	const char **opened; /* names of libraries that code refers to, to be given to dlopen */
	size_t nr_opened;
	int err; /* -ENOMEM: nothing after it counts */
};

/* `modules` has object, file and code set; the rest is made here. */
int reach_run(struct reach *reach);
void reach_fini(struct reach *reach);

/* The callers of an address: the first, and how many. */
const struct reach_caller *reach_callers(const struct reach *reach, uint32_t module, uint64_t vaddr,
					 size_t *nr);
/* Where a dynamic symbol of a module is bound to; false: nowhere. */
bool reach_bind(const struct reach *reach, uint32_t module, uint32_t symbol, uint32_t *to_module,
		uint32_t *to_symbol);
/* Is the dynamic symbol `name` of any file reached? */
bool reach_is_reached(const struct reach *reach, const char *name);
