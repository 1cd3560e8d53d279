/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares two sets of calls. Each is a program, which is scanned, or a file that holds an answer,
 * a trace (both as JSON) or a list of names.
 */
#pragma once
#include "cli/image/scan/subject.h"

/* 0: the same; 1: they differ; else another exit status, after a message. */
int diff_print(FILE *out, char *const operands[2], const struct scan_request *request,
	       bool as_json);
