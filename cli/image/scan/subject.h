/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `hull scan PROG...` looks at. Each program that is named becomes one subject or several: an
 * ELF file is one; a script is its interpreter, with the extension modules that it imports as
 * libraries that will be dlopened, and the interpreter's interpreter (env) if there is one.
 * Programs without a slash are looked for in PATH. With a root, all paths are the root's.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "cli/image/scan/call_set.h"
#include "scan/scan.h"

struct word_list {
	char **words; /* ends with NULL once there is one; NULL: empty */
	unsigned nr;
};

/* False: no memory. */
bool word_list_add(struct word_list *list, const char *word);
bool word_list_has(const struct word_list *list, const char *word);
void word_list_fini(struct word_list *list);

struct scan_request {
	const char *root; /* NULL: the host's */
	const char *library_path;
	struct word_list also;
	bool whole_data;
	bool all_modules; /* of a script's interpreter, whatever is imported */
};

struct subject {
	char *path;   /* the ELF file */
	char *script; /* that it interprets; NULL: none */
	struct word_list modules, notes;
	struct scan_answer *answer;
};

struct subjects {
	struct subject *at;
	unsigned nr;
	struct scan *scan;
};

/* Scans the programs, all or none. 0, or an exit status after a message. */
int subjects_scan(struct subjects *subjects, char *const *programs,
		  const struct scan_request *request);
void subjects_fini(struct subjects *subjects);

/* The calls of one subject, as sets. */
void subject_calls(const struct subject *subject, struct call_set *set);
void subjects_calls(const struct subjects *subjects, struct call_set *set);
/* What looking at whole files gives. */
void subjects_naive(const struct subjects *subjects, struct call_set *set);
/* Sites whose number is not known, of all subjects. */
unsigned subjects_unresolved(const struct subjects *subjects);
/* A message for each library that is missing, with who needs it; whether there is one. */
bool subjects_explain_missing(const struct subjects *subjects);
