/* SPDX-License-Identifier: BSD-2-Clause */
/* Credentials (credentials(7), capabilities(7)). Immutable once shared: a change makes a new
 * one. */
#pragma once
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/types.h"

#define CRED_GROUPS_MAX 65536

struct cred {
	struct ref ref;
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint64_t cap_permitted, cap_effective, cap_inheritable, cap_bounding, cap_ambient;
	unsigned securebits;
	uint32_t nr_groups;
	uint32_t *groups; /* owned; sorted */
};

extern struct cred cred_kernel;               /* root with everything: kernel threads and boot */
struct cred *cred_copy(const struct cred *c); /* a private one, to change; NULL = no memory */
/* Of a private one: `groups` (from kmem, taken; NULL with nr 0) replaces what it has, sorted. */
void cred_take_groups(struct cred *c, uint32_t *groups, uint32_t nr);
struct cred *cred_get(struct cred *c);
void cred_put(struct cred *c);
const struct cred *cred_current(void);
bool cred_has_cap(const struct cred *c, int cap);       /* CAP_* of linux/capability.h */
bool cred_in_group(const struct cred *c, uint32_t gid); /* fsgid or a supplementary one */
