/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a launch record (abi/hull/launch.h): begin, add items in order, end. Memory failures are
 * remembered and told by launch_end, so that adding needs no checks. All zero is an empty record.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/hull/launch.h"

struct launch {
	char *bytes; /* the record; its header is written by launch_end */
	size_t len, capacity;
	uint32_t nr_items;
	bool failed;
};

/* payload NULL: len zeros. */
void launch_add(struct launch *launch, enum launch_kind kind, const void *payload, size_t len);
void launch_add_string(struct launch *launch, enum launch_kind kind, const char *string);
void launch_add_mount(struct launch *launch, const struct launch_mount *mount, const char *source,
		      const char *target);
void launch_add_cred(struct launch *launch, uint32_t uid, uint32_t gid, const uint32_t *groups,
		     uint32_t nr_groups);
/* 0 or -ENOMEM. Afterwards bytes and len are the record. */
int launch_end(struct launch *launch);
void launch_fini(struct launch *launch);
