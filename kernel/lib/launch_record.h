/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The launch record (abi/hull/launch.h), checked: every item lies inside the record, strings end
 * inside their payload, structures are long enough. Pointers lead into the record, which is never
 * given back.
 */
#pragma once
#include "abi/hull/launch.h"
#include "lib/compiler.h"
#include "lib/types.h"

#define LAUNCH_MOUNTS_MAX  64
#define LAUNCH_RLIMITS_MAX 32

struct launch_mount_entry {
	const struct launch_mount *mount;
	const char *source, *target;
};

struct launch_record {
	const struct launch_header *header;
	const char *program, *cwd, *hostname;
	const struct launch_cred *cred;
	const struct launch_ports *ports;
	const struct launch_terminal *terminal; /* NULL: the usual modes */
	const struct launch_stream *streams[3]; /* NULL: closed */
	const struct launch_rlimit *rlimits[LAUNCH_RLIMITS_MAX];
	unsigned nr_rlimits;
	struct launch_mount_entry mounts[LAUNCH_MOUNTS_MAX];
	unsigned nr_mounts;
	uint64_t options;
	uint32_t umask;
	struct launch_signals signals;
	const void *seed, *archive, *root;
	size_t seed_len, archive_len, root_len;
};

/* 0, or -EINVAL and *why says what is wrong with it. */
MUST_CHECK int launch_record_read(struct launch_record *r, const void *bytes, size_t len,
				  const char **why);
/* The strings of one kind, in order: *at begins as 0. NULL: no more. Only after
 * launch_record_read. */
const char *launch_record_string(const struct launch_record *r, uint32_t kind, size_t *at);
/* The same for a kind with a structure; its length was checked. */
const void *launch_record_item(const struct launch_record *r, uint32_t kind, size_t *at);
