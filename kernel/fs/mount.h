/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounts, as the path walk sees them. A mount counts its superblock, its root, its parent and the
 * dentry it stands on; the list of all mounts counts each mount. Paths count mounts too.
 */
#pragma once
#include "fs/vfs.h"

/* The top mount standing on p, counted, or NULL. */
struct mount *mount_at(const struct path *p);
/* Where m stands, counted; false: nowhere. */
bool mount_point(struct mount *m, struct path *out);
void mount_get(struct mount *m);
void mount_put(struct mount *m);
/* A mount in no place, over sb (its count is taken, also on failure). NULL = no memory. */
struct mount *mount_new(struct superblock *sb, const char *source, unsigned flags);
/* -EROFS for a write below a read-only mount or file system. */
int mount_check_write(const struct path *p);
/* The calling thread's view: root and working directory, counted. -ENOENT: it has none yet. */
MUST_CHECK int view_root(struct path *out);
MUST_CHECK int view_cwd(struct path *out);
