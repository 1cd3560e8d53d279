/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file system of pseudo terminals (pts(4)): a node for each that has a master, called by its
 * number, and ptmx, which makes one. Each mount is an instance with numbers of its own. A number is
 * free again when the terminal is.
 */
#pragma once
#include "fs/vfs.h"

struct tty;
struct devpts; /* an instance, counted by its superblock and its terminals */

/* The root of the instance that opening the node `f` is about: where the node itself is, or in
 * "pts" beside it. Counted. -ENODEV: there is none. */
MUST_CHECK int devpts_find(const struct file *f, struct path *root_out);
/* A number of its own; counts the instance. -ENOSPC. */
MUST_CHECK int devpts_number_take(const struct path *root, struct devpts **out,
				  unsigned *number_out);
void devpts_number_give(struct devpts *d, unsigned number);
/* Makes the node, which counts t; *out is its counted path. */
MUST_CHECK int devpts_add(const struct path *root, struct tty *t, unsigned number,
			  struct path *out);
void devpts_remove(const struct path *node, unsigned number);
struct tty *devpts_tty_of(const struct inode *inode); /* not counted; NULL: no such node */
