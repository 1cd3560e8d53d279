/* SPDX-License-Identifier: BSD-2-Clause */
/* Between gentree.c (names) and gentree_file.c (contents). */
#pragma once
#include "fs/proc/gentree.h"

/* Where in a tree: the node, and the numbers that the path had. */
struct gen_place {
	struct gen_node *node;
	int pid;      /* of the process directory above, or 0 */
	int id;       /* that process's, or the thread's below task/ */
	int nr;       /* descriptor, or -1 */
	bool is_task; /* below task/TID */
};

struct gen_inode {
	struct inode inode;  /* first */
	struct gen_place at; /* [I] */
};

static inline struct gen_inode *gen_inode_of(struct inode *inode)
{
	return container_of(inode, struct gen_inode, inode);
}

extern const struct file_ops gen_fops, gen_dir_fops;
extern const struct inode_ops gen_dir_ops, gen_dynamic_dir_ops, gen_link_ops, gen_magic_link_ops,
	gen_file_ops;
int gen_open(struct inode *inode, struct file *f);
ssize_t gen_link_text(const struct gen_place *at, char *buf, size_t size);
