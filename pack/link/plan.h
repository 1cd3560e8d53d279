/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside pack/link: which calls and parts a kernel is to have, and the assembly that says so. */
#pragma once
#include <stdio.h>

#include "pack/link/link.h"

#define LINK_TABLE_MAX 512  /* of the table: kernel/linux/syscall.h, SYSCALL_NR_MAX */
#define LINK_CALLS_MAX 1032 /* Hull's own too (abi/hull/native.h) */
#define LINK_PARTS_MAX 128

struct plan {
	bool is_whole; /* LINK_EVERYTHING */
	bool calls[LINK_CALLS_MAX];
	bool parts[LINK_PARTS_MAX]; /* by row of parts.def */
};

/* A row of parts.def. Lists have a space between their names; NULL: empty. */
struct part {
	const char *name, *what;
	const char *files;  /* of kernel/: those that nothing refers to by name */
	const char *needs;  /* parts that are in as well */
	const char *calls;  /* each wants it */
	unsigned facts;     /* enum link_fact; each wants it */
	const char *unless; /* not wanted where one of these parts is out */
	/* FUNCTION, or FUNCTION=STANDIN: what stands in without the part; without_nothing */
	const char *without;
	/* That is called by nobody where this part is out: then nothing stands in. NULL: always. */
	const char *within;
};

extern const struct part part_rows[];
extern const unsigned nr_part_rows;

int link_plan_make(struct plan *plan, const struct link_request *request, struct failure *failure);

/* ---- table.c, symbols.c: assembly ---- */
void table_write(FILE *out, const struct plan *plan);
/* Of the functions in a linked kernel (kernel/core/symbols.c). */
int symbols_write(FILE *out, const char *kernel, struct failure *failure);

/* ---- members.c ---- */
struct members;

/* The archive of the kernel's objects, or NULL and why. */
struct members *members_open(const char *path, struct arena *arena, struct failure *failure);
/* Writes member `name` (kernel/drivers/virtio_net.c) to a file. */
int members_extract(struct members *members, const char *name, const char *to,
		    struct failure *failure);
void members_close(struct members *members);

/* ---- compact.c ---- */
/* A linked kernel without sections' headers, its segments one behind the other. */
int compact_file(const char *from, const char *to, struct failure *failure);

/* ---- tool.c ---- */
/* Runs a program of binutils; argv ends with NULL. Its words, if it fails, are in the failure. */
int tool_run(const char *const argv[], struct failure *failure);
