/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of the host, put into the tree. What keeps its path keeps its way there too: a symbolic
 * link on the path (/lib -> usr/lib) is in the image as it is on the host, so that programs find
 * a file by each name that it has here.
 *
 * Owner is root unless a rule says something else, the permissions are the file's own, the times
 * the image's; extended attributes stay behind.
 */
#pragma once
#include "pack/config/config.h"
#include "pack/tree/tree.h"

struct host_files {
	struct arena *arena;
	struct tree *tree;
	const struct strings *exclude; /* of every rule; may be NULL */
	/* Files with several names, while they are taken. */
	struct linked {
		uint64_t dev, ino;
		struct node *node;
	} * linked;
	size_t nr_linked, capacity;
};

/* One file under the path that it has on the host; it may be there already. */
int host_files_add(struct host_files *files, const char *path, struct failure *failure);
/* One file or folder's contents at another place. */
int host_files_add_at(struct host_files *files, const char *host, const char *guest,
		      struct failure *failure);
/* All that a rule names; each folder with everything below. */
int host_files_add_rule(struct host_files *files, const struct file_rule *rule,
			struct failure *failure);
