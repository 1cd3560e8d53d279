/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees of generated files: what procfs and sysfs have in common. A tree is made once from the
 * paths of a linker set; a node "PID" stands for a directory of every process, "NR" for an entry of
 * every descriptor, "IF" for a directory of every interface of the network, and "task" below PID
 * holds the same PID tree for every thread. An inode is a node plus the numbers that its path
 * had. Contents are made when a file is read at its start.
 */
#pragma once
#include "core/sync/mutex.h"
#include "fs/proc/proc.h"
#include "fs/vfs.h"

enum gen_kind {
	GEN_FIXED,     /* has a name */
	GEN_PID,       /* one for each process */
	GEN_TASK,      /* one for each thread of the process: leads to the PID node */
	GEN_NR,        /* one for each descriptor */
	GEN_INTERFACE, /* one for each interface of the network, by its name */
	GEN_SELF,
	GEN_THREAD_SELF, /* links with a name */
};

struct gen_node {
	struct gen_node *parent;
	struct list children, link;
	const char *name; /* not terminated: name_len bytes */
	size_t name_len;
	const struct proc_file *file; /* NULL: a directory */
	unsigned idx;                 /* numbers the nodes of a tree */
	enum gen_kind kind;
};

struct gentree { /* one for each file system, for ever */
	struct mutex lock;
	const struct proc_file *files, *files_end; /* [I] the linker set */
	const struct proc_processes *processes;    /* [I] NULL: no PID in this tree */
	const struct proc_interfaces *interfaces;  /* [I] NULL: no IF */
	struct gen_node *root;                     /* [lock] NULL: not made yet */
	unsigned nr_nodes;                         /* [lock] */
	const char *type_name;
	uint64_t magic;
};

/* A superblock that shows the tree. */
MUST_CHECK int gentree_mount(struct gentree *t, unsigned sb_flags, struct superblock **out);
