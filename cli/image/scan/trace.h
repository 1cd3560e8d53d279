/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which system calls a run makes: a program is started under ptrace(2), and each call of it, of
 * its threads and children and of what they exec is counted for the program file that made it.
 *
 * The recorder is no parent of the program: this very process becomes the program, so that its
 * process id, parent, children, streams, terminal, job stops and exit status are what they would
 * be without it. The recorder is a process beside it, in a session of its own, which nobody waits
 * for.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/image/scan/call_set.h"

/* What one program file did, in one process or in many. */
struct trace_program {
	char *path; /* of the file that was executed: for a script, its interpreter */
	struct trace_program *next;
	uint64_t nr_started; /* how often it was executed */
	/* Counted by number; a number beyond the table counts as the table's last. */
	uint64_t made[CALL_ABIS][CALL_NUMBERS];
	/* Of these, the ones that the vDSO would have answered without a call. */
	uint64_t by_vdso[CALL_NUMBERS];
};

/* What is known of a run, at the program's end or, if others outlived it, at the end of these. */
struct trace_record {
	char *const *command;
	struct trace_program *programs; /* in the order of their first start */
	unsigned nr_running;            /* tasks that are not at their end yet */
	uint64_t nr_unread; /* calls whose number could not be read (Linux before 5.3) */
};

struct trace_options {
	/* Called in the recorder; out is the file or the standard error stream. */
	void (*report)(FILE *out, const struct trace_record *record);
	const char *output; /* NULL: the standard error stream */
	bool keep_vdso;     /* the calls that it answers are not seen then */
};

/*
 * Becomes the program of command[0], found by PATH, and records it. Returns only if it cannot:
 * the exit status, after a message.
 */
int trace_exec(const struct trace_options *options, char *const *command);
