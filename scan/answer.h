/* SPDX-License-Identifier: BSD-2-Clause */
/* Between scan.c and answer.c: an answer's tables, of the values at the doors that are reached. */
#pragma once
#include "scan/value/value.h"

/* Fills all but the closure and naive[]. The answer refers to the files' names, not to `values`. */
int answer_fill(struct scan_answer *answer, struct values *values);
/* The numbers at all doors of one file, as far as the file alone tells; the caller frees them. */
int answer_naive(const struct code *code, uint16_t **numbers, size_t *nr);
