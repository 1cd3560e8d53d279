/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that make a struct code (code.h): growing arrays and the order of the steps. */
#pragma once
#include "scan/code/code.h"

/* A start that some table of the file names. end 0: not known. */
struct code_start {
	uint32_t start, end;
	const char *name;
	bool is_exact; /* of .eh_frame or pclntab: others inside of it are labels */
};

struct code_starts {
	struct code_start *starts;
	size_t nr, room;
	bool has_go;
};

struct code_refs {
	struct code_ref *refs;
	size_t nr, room;
};

int code_starts_add(struct code_starts *starts, const struct code_start *start);
int code_starts_collect(const struct elf_file *file, struct code_starts *starts);
int code_starts_unwind(const struct elf_file *file, struct code_starts *starts);
int code_starts_go(const struct elf_file *file, struct code_starts *starts);

int code_refs_add(struct code_refs *refs, const struct code_ref *ref);

/* Fills functions, refs and doors. */
int code_sweep(struct code *code, const struct code_starts *starts);
/* Fills pointers; and, of the references, splits. */
int code_pointers(struct code *code);
int code_splits(struct code *code);
/* Adds what jump tables lead to; needs the splits. */
int code_jump_tables(struct code *code);
