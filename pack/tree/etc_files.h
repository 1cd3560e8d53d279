/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few files that programs expect of any system, made up where the image has none of its own:
 * /etc/passwd and /etc/group (a few of Debian's fixed accounts, and the image's user),
 * /etc/nsswitch.conf (files, then DNS), /etc/hosts; and the folders /tmp (1777), /root, /run,
 * /proc, /sys and /dev. /etc/resolv.conf is the kernel's to write: it knows the name servers.
 */
#pragma once
#include "pack/config/config.h"
#include "pack/tree/tree.h"

struct identity_facts {
	uint32_t uid, gid;
	const char *home;
};

/* The folders; with `files` the files too. */
int etc_files_add(struct tree *tree, const struct config *config, bool files,
		  struct failure *failure);
/* Who config->user is, by the image's own /etc/passwd and /etc/group. */
int etc_files_identity(struct tree *tree, const struct config *config,
		       struct identity_facts *identity, struct failure *failure);
