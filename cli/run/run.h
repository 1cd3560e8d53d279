/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hull run`, in three steps:
 *
 *	run_options.c	the command line, as it was given
 *	run_net.c	the options of the network, and what they mean for plan and record
 *	run_plan.c	everything decided: program, user, shares, ports; the monitor's
 *			configuration (guest_files.c, identity.c, streams.c help);
 *			run_record.c writes the launch record; run_image.c has
 *			what differs where an image runs
 *	supervise.c	while it runs: signals, the terminal, the log, and how it ended
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/command.h"
#include "launch/launch.h"
#include "monitor/monitor.h"

enum accel_choice { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

struct volume {
	char *host, *guest; /* guest: absolute */
	bool read_only;
};

/* --ip ADDRESS/BITS[,GATEWAY] */
struct static_address {
	unsigned interface; /* of run_options.nets */
	uint8_t family;     /* 4 or 6 */
	uint8_t prefix_bits;
	bool has_gateway;
	uint8_t address[16], gateway[16];
};

#define MAX_FORWARDS    64
#define MAX_ADDRESSES   16
#define MAX_NAMESERVERS 4

struct net_options {
	struct vm_net nets[VM_MAX_NETS]; /* --net, in order */
	unsigned nr_nets;
	bool has_mac[VM_MAX_NETS]; /* it was given; otherwise one is made up */
	bool none;                 /* --net none */
	struct vm_forward forwards[MAX_FORWARDS];
	unsigned nr_forwards;
	struct static_address addresses[MAX_ADDRESSES];
	unsigned nr_addresses;
	const char *nameservers[MAX_NAMESERVERS];
	unsigned nr_nameservers;
	const char *hostname; /* NULL: the host's */
	const char *capture;  /* --pcap; NULL: none */
};

struct run_options {
	const char *rootfs;     /* NULL: the host's own files */
	const char *user, *cwd; /* NULL: as the caller */
	uint64_t memory_bytes;  /* 0: choose */
	unsigned nr_cpus;       /* 0: choose */
	enum accel_choice accel;
	const char *machine;       /* QEMU's */
	const char *kernel;        /* a file; NULL: the one inside */
	const char *strace_file;   /* NULL: standard error */
	const char *signature_key; /* --require-signature: a PEM file; NULL: not asked for */
	bool strace, follow_forks, no_patch, quiet, verbose, clear_env, timings;
	struct volume volumes[VM_MAX_SHARES - 1];
	unsigned nr_volumes;
	struct net_options net;
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
	const char *root_dir;             /* NULL when the root is an archive, or an image's */
	const void *archive, *image_root; /* NULL: it is not that */
	size_t archive_len, image_root_len;
	const struct volume *volumes;
	unsigned nr_volumes;
	const char *cwd;
};

/* O_PATH descriptor of a path in the guest, or -errno. -ENOTSUP: cannot be known from here. */
int guest_files_open(const struct guest_files *files, const char *path);
/* The bytes of a regular file of the archive; NULL: it is not there. The caller frees them. */
char *guest_files_copy_archived(const struct guest_files *files, const char *path, size_t *len);
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

struct guest_image;

struct run_plan {
	const struct run_options *options;
	const struct guest_image *image; /* what runs, or NULL: a program (run_image.h) */
	char **own_env;                  /* what -e is added to: the caller's, or the image's */
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
	struct vm_net nets[VM_MAX_NETS];
	struct vm_config config;
	bool embeds_root; /* an erofs root goes into the record: nobody maps it */
};

/*
 * Decides everything; plan->options and plan->streams are set. 0, or an exit status after a
 * message. The launch record is not written yet.
 */
int run_plan_make(struct run_plan *plan);
/*
 * Writes the launch record. tsc_khz: 0 if the monitor tells the guest itself. 0, -ENOMEM, or -EIO:
 * the root that goes into it cannot be read.
 */
int run_record_write(struct run_plan *plan, uint32_t tsc_khz);

/* The setters of the network's options (command.h). */
int run_net_set(void *context, const char *value);
int run_net_set_port(void *context, const char *value);
int run_net_set_address(void *context, const char *value);
int run_net_set_nameserver(void *context, const char *value);
int run_net_set_hostname(void *context, const char *value);
int run_net_set_capture(void *context, const char *value);
/* The interfaces, in the monitor's configuration. 0, or an exit status after a message. */
int run_net_plan(struct run_plan *plan);
/* The interfaces, in the launch record. */
void run_net_record(struct run_plan *plan);

/* Runs the plan by KVM or QEMU; returns the exit status of `hull run`. */
int supervise_run(struct run_plan *plan);
