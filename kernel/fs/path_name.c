/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a path back to its name: getcwd(2), /proc/self/fd, /proc/mounts. The name is put together
 * from its end, one mount at a time, with renames locked out; it ends at the process's root or
 * where no mount is above.
 */
#include "core/sync/spinlock.h"
#include "fs/dentry.h"
#include "fs/mount.h"
#include "lib/errno.h"
#include "lib/string.h"

struct name_writer {
	char *start, *at;
}; /* the name is [at, ...), room down to start */

static bool put(struct name_writer *w, const char *text, size_t len)
{
	if ((size_t)(w->at - w->start) < len)
		return false;
	w->at -= len;
	memcpy(w->at, text, len);
	return true;
}

bool path_is_deleted(const struct path *p)
{
	const struct dentry *d = p->dentry;

	scoped_spin(&dcache_lock);
	return d->unhashed && d->parent != d && !d->parent->inode->ops->dynamic_dir;
}

/* From d up to `top`, or to `root` of the process when it is on the way. */
static bool put_components(struct name_writer *w, struct dentry *d, const struct dentry *top,
			   const struct dentry *root)
{
	scoped_spin(&dcache_lock);
	while (d != top && d != root && d->parent != d) {
		if (!put(w, d->name, d->name_len) || !put(w, "/", 1))
			return false;
		d = d->parent;
	}
	return true;
}

static int write_name(struct name_writer *w, const struct path *p, const struct path *root)
{
	struct path at = *p, above;

	path_get(&at);
	for (;;) {
		bool in_root = at.mnt == root->mnt;

		if (!put_components(w, at.dentry, at.mnt->root, in_root ? root->dentry : NULL)) {
			path_put(&at);
			return -ENAMETOOLONG;
		}
		if (in_root || !mount_point(at.mnt, &above))
			break;
		path_put(&at);
		at = above;
	}
	path_put(&at);
	return 0;
}

int path_name(const struct path *p, char *buf, size_t size, char **out)
{
	static const char deleted[] = " (deleted)";
	struct name_writer w = { buf, buf + size };
	struct path root;
	char *end;
	int err = view_root(&root);

	if (err != 0)
		root = (struct path){ NULL, NULL };
	err = -ENAMETOOLONG;
	if (!put(&w, "", 1))
		goto out_root;
	if (path_is_deleted(p) && !put(&w, deleted, sizeof(deleted) - 1))
		goto out_root;
	end = w.at;
	err = write_name(&w, p, &root);
	if (err == 0 && w.at == end && !put(&w, "/", 1))
		err = -ENAMETOOLONG;
	*out = w.at;
out_root:
	path_put(&root);
	return err;
}
