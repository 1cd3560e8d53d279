/* SPDX-License-Identifier: BSD-2-Clause */
/* The recorder of a run: trace.c starts it, recorder.c is what it does. */
#pragma once
#include <sys/types.h>

#include "cli/image/scan/trace.h"

struct recorder {
	const struct trace_options *options;
	char *const *command;
	pid_t leader; /* the process that becomes the program */
};

/* Attaches to the leader. 0 or an errno. */
int recorder_attach(const struct recorder *recorder);
/* Until the program and all that came of it have ended; reports to the standard output stream. */
void recorder_run(const struct recorder *recorder);
