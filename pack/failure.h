/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why something could not be done, in words: what failed, on what, why, and what to do. Functions
 * of pack/ that can fail take one of these and return 0, or -1 with the text set; the command
 * prints it.
 */
#pragma once

struct failure {
	char text[1024];
};

/* Sets the text; always -1, to be returned. */
int failure_set(struct failure *failure, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
