/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hull run`, in three steps:
 *
 *	run_options.c	the command line, as it was given
 *	run_plan.c	everything decided: program, user, shares, ports; the monitor's
 *			configuration (guest_files.c, identity.c, streams.c help);
 *			run_record.c writes the launch record
 *	supervise.c	while it runs: signals, the terminal, the log, and how it ended
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/command.h"
#include "cli/launch.h"
#include "monitor/monitor.h"

enum accel_choice { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

struct volume {
	char *host, *guest; /* guest: absolute */
	bool read_only;
};

struct run_options {
	const char *rootfs;     /* NULL: the host's own files */
	const char *user, *cwd; /* NULL: as the caller */
	uint64_t memory_bytes;  /* 0: choose */
	unsigned nr_cpus;       /* 0: choose */
	enum accel_choice accel;
	const char *machine;     /* QEMU's */
	const char *kernel;      /* a file; NULL: the one inside */
	const char *strace_file; /* NULL: standard error */
	bool strace, follow_forks, no_patch, quiet, verbose, clear_env, timings;
	struct volume volumes[VM_MAX_SHARES - 1];
	unsigned nr_volumes;
	char **env; /* -e's, in order; NULL-terminated */
	unsigned nr_env;
	int argc; /* the program and its arguments */
	char **argv;
};

extern const struct option_row run_option_rows[];

/* Ports of the console device; abi/hull/launch.h wants them from 1. */
enum run_port { PORT_CONTROL = 1, PORT_TTY, PORT_STRACE, PORT_STDIN, PORT_STDOUT, PORT_STDERR };

#define MAX_GROUPS 256

struct identity {
	uint32_t uid, gid;
	uint32_t nr_groups;
	uint32_t groups[MAX_GROUPS];
};

/* The files that the guest will see, looked at from the host before it starts. */
struct guest_files {
	const char *root_dir; /* NULL when the root is an archive */
	const void *archive;
	size_t archive_len;
	const struct volume *volumes;
	unsigned nr_volumes;
	const char *cwd;
};

/* O_PATH descriptor of a path in the guest, or -errno. -ENOTSUP: cannot be known from here. */
int guest_files_open(const struct guest_files *files, const char *path);
/*
 * Finds the program as a shell does. 0: `path` is what to execute; else EXIT_NOT_FOUND or
 * EXIT_CANNOT_RUN, after a message. What cannot be decided here is left to the guest.
 */
int guest_files_find_program(const struct guest_files *files, const char *name,
			     const char *search_path, char path[PATH_MAX]);

/*
 * The caller, or with `user` "NAME|UID[:GROUP|GID]" by the guest's passwd and group. 0 or
 * EXIT_*.
 */
int identity_get(const char *user, const struct guest_files *files, struct identity *out);

/* What a standard stream of ours is. */
enum stream_kind { STREAM_IS_CLOSED, STREAM_IS_NULL, STREAM_IS_TTY, STREAM_IS_BYTES };

struct streams {
	enum stream_kind kind[3];
	bool stderr_is_stdout; /* one open file: one port, so that the order is kept */
	bool tty_input;        /* standard input is a terminal and ours to read */
	int tty_fd;            /* a terminal that can be written to, or -1 */
};

/* The first thing to be called: descriptors that are closed get /dev/null as a place holder. */
void streams_probe(struct streams *streams);

struct run_plan {
	const struct run_options *options;
	struct streams streams;
	struct guest_files files;
	struct identity identity;
	char program[PATH_MAX], cwd[PATH_MAX];
	char **env; /* the program's, NULL-terminated */
	struct launch launch;
	struct rlimit_row {
		uint32_t resource;
		uint64_t soft, hard;
	} rlimits[8]; /* the caller's */
	unsigned nr_rlimits;
	uint32_t umask;                            /* the caller's */
	uint64_t signals_ignored, signals_blocked; /* the caller's: bit n - 1 for signal n */
	struct vm_port ports[8];
	struct vm_share shares[VM_MAX_SHARES];
	struct vm_config config;
};

/*
 * Decides everything; plan->options and plan->streams are set. 0, or an exit status after a
 * message. The launch record is not written yet.
 */
int run_plan_make(struct run_plan *plan);
/* Writes the launch record. tsc_khz: 0 if the monitor tells the guest itself. 0 or -ENOMEM. */
int run_record_write(struct run_plan *plan, uint32_t tsc_khz);

/* Runs the plan by KVM or QEMU; returns the exit status of `hull run`. */
int supervise_run(struct run_plan *plan);
