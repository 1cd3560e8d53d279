/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The extension modules that a script's interpreter loads by dlopen: those that the script
 * imports, and what it imports imports, as far as the names stand in the text (graph.h).
 */
#pragma once
#include "cli/image/scan/subject.h"

/* Whether a program of this file name ("python3.11") is an interpreter that is known here. */
bool modules_known(const char *file_name);
/* Adds to the subject's modules and notes. 0; -ENOMEM, or why the script cannot be read. */
int modules_find(struct subject *subject, const struct scan_request *request);
