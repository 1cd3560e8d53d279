/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The forms in which calls are printed: a table to read, JSON (docs/scan-json.md has the schema),
 * and a plain list, one name a line, as `hull build --calls` takes it. What the list cannot say
 * (sites that are not resolved, missing libraries) goes to the standard error stream beside it.
 */
#pragma once
#include <stdio.h>

#include "cli/image/scan/subject.h"
#include "cli/image/scan/trace.h"

/* The name that a path ends with. */
const char *path_name(const char *path);

void table_print(FILE *out, const struct subjects *subjects);
/* The sites whose number is not known, with the place where it got lost. */
void table_print_unresolved(FILE *out, const struct subjects *subjects);
void table_print_trace(FILE *out, const struct trace_record *record);

/* Names one a line, in the order of their numbers; those of other tables of calls as comments. */
void list_print(FILE *out, const struct call_set *set);
void list_print_trace(FILE *out, const struct trace_record *record);

/* False: no memory, or out cannot be written. */
bool json_print(FILE *out, const struct subjects *subjects);
void json_print_trace(FILE *out, const struct trace_record *record);
/* names: what the two sets are of; only[]: what one has alone. */
bool json_print_diff(FILE *out, char *const names[2], const struct call_set only[2],
		     const struct call_set *both);

/* What a run made, of all its programs. */
void trace_calls(const struct trace_record *record, struct call_set *set);
