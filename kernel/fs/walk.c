/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path resolution (path_resolution(7), openat2(2)). One component at a time: permission to search,
 * the dentry cache, then the file system under the directory's lock; mounts are crossed and links
 * followed on the way. A link's text and the rest of the path become the new rest, so that there is
 * no recursion. A walk over cached names allocates nothing.
 */
#include <linux/fs.h>

#include "fs/permission.h"
#include "fs/walk.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define LINKS_MAX 40

static bool is_stale(struct dentry *dir, const struct dentry *d)
{
	const struct inode_ops *ops = dir->inode->ops;

	if (d->inode != NULL)
		return d->inode->ops->revalidate != NULL && !d->is_mountpoint &&
		       !d->inode->ops->revalidate(d->inode);
	if (ops->revalidate_missing != NULL)
		return !ops->revalidate_missing(dir->inode, d->name, d->name_len);
	return ops->revalidate != NULL;
}

static struct dentry *find_fresh(struct dentry *dir, const char *name, size_t len)
{
	struct dentry *d = dentry_find(dir, name, len);

	if (d == NULL || !is_stale(dir, d))
		return d;
	dentry_drop(d);
	dentry_put(d);
	return NULL;
}

int walk_lookup_locked(struct dentry *dir, const char *name, size_t len, struct dentry **out)
{
	const struct inode_ops *ops = dir->inode->ops;
	struct inode *inode = NULL;
	int err;

	*out = find_fresh(dir, name, len);
	if (*out != NULL)
		return 0;
	if (ops->lookup == NULL)
		return -ENOTDIR;
	err = ops->lookup(dir->inode, name, len, &inode);
	if (err != 0 && err != -ENOENT)
		return err;
	if (err == -ENOENT)
		inode = NULL;
	*out = dentry_add(dir, name, len, inode, !ops->dynamic_dir);
	return *out == NULL ? -ENOMEM : 0;
}

int walk_lookup(struct dentry *dir, const char *name, size_t len, struct dentry **out)
{
	*out = find_fresh(dir, name, len);
	if (*out != NULL)
		return 0;
	scoped_mutex(&dir->inode->lock);
	return walk_lookup_locked(dir, name, len, out);
}

static void set_at(struct walk *w, const struct path *p)
{
	struct path old = w->at;

	w->at = *p;
	path_put(&old);
}

int walk_cross(struct walk *w, struct path *p)
{
	while (READ_ONCE(p->dentry->is_mountpoint)) {
		struct mount *m = mount_at(p);

		if (m == NULL)
			return 0;
		if (w->flags & LOOKUP_NO_XDEV) {
			mount_put(m);
			return -EXDEV;
		}
		path_put(p);
		*p = (struct path){ m, m->root };
		dentry_get(p->dentry);
	}
	return 0;
}

/* ".." */
static int go_up(struct walk *w)
{
	struct path p;
	int err;

	for (;;) {
		if (w->at.dentry == w->root.dentry && w->at.mnt == w->root.mnt)
			return w->flags & LOOKUP_BENEATH ? -EXDEV : 0;
		if (w->at.dentry != w->at.mnt->root)
			break;
		if (!mount_point(w->at.mnt, &p))
			return 0;
		set_at(w, &p);
		if (w->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
	}
	p = (struct path){ w->at.mnt, dentry_parent(w->at.dentry) };
	mount_get(p.mnt);
	set_at(w, &p);
	err = walk_cross(w, &w->at);
	return err;
}

int walk_child(struct walk *w, struct dentry **out)
{
	struct inode *dir = w->at.dentry->inode;
	int err;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	err = inode_permission(dir, MAY_EXEC);
	if (err != 0)
		return err;
	return walk_lookup(w->at.dentry, w->last, w->last_len, out);
}

static int follow_magic(struct walk *w, struct inode *link)
{
	struct path p;
	int err;

	if (w->flags & LOOKUP_NO_MAGICLINKS)
		return -ELOOP;
	if (w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))
		return -EXDEV;
	err = link->ops->follow(link, &p);
	if (err != 0)
		return err;
	if ((w->flags & LOOKUP_NO_XDEV) && p.mnt != w->at.mnt) {
		path_put(&p);
		return -EXDEV;
	}
	set_at(w, &p);
	return 0;
}

/* The link's text and then the rest become the rest. */
static int splice_text(struct walk *w, struct inode *link)
{
	size_t size = link->size != 0 ? link->size : PATH_LEN_MAX, rest_len = strlen(w->rest);
	char *buf;
	ssize_t len;

	if (link->ops->readlink == NULL)
		return -EINVAL;
	buf = kmem_alloc(size + rest_len + 1);
	if (buf == NULL)
		return -ENOMEM;
	len = link->ops->readlink(link, buf, size);
	if (len <= 0) {
		kmem_free(buf);
		return len < 0 ? (int)len : -ENOENT;
	}
	memcpy(buf + len, w->rest, rest_len + 1);
	kmem_free(w->buffer);
	w->buffer = buf;
	w->rest = buf;
	return 0;
}

static int start_at_root(struct walk *w)
{
	struct path root = w->root;

	if (w->flags & LOOKUP_BENEATH)
		return -EXDEV;
	if ((w->flags & LOOKUP_NO_XDEV) && root.mnt != w->at.mnt)
		return -EXDEV;
	path_get(&root);
	set_at(w, &root);
	return 0;
}

static int follow_link(struct walk *w, struct inode *link)
{
	int err;

	if ((w->flags & LOOKUP_NO_SYMLINKS) || ++w->nr_links > LINKS_MAX)
		return -ELOOP;
	if (link->ops->follow != NULL)
		return follow_magic(w, link);
	err = splice_text(w, link);
	if (err == 0 && w->rest[0] == '/')
		err = start_at_root(w);
	return err;
}

/* Into w->last, which is not the last component. */
static int step(struct walk *w)
{
	struct path p = { w->at.mnt, NULL };
	int err;

	if (w->kind == WALK_DOT)
		return S_ISDIR(w->at.dentry->inode->mode) ? 0 : -ENOTDIR;
	if (w->kind == WALK_DOTDOT)
		return S_ISDIR(w->at.dentry->inode->mode) ? go_up(w) : -ENOTDIR;
	err = walk_child(w, &p.dentry);
	if (err != 0)
		return err;
	if (p.dentry->inode == NULL || dentry_is_link(p.dentry)) {
		err = p.dentry->inode == NULL ? -ENOENT : follow_link(w, p.dentry->inode);
		dentry_put(p.dentry);
		return err;
	}
	mount_get(p.mnt);
	set_at(w, &p);
	return walk_cross(w, &w->at);
}

static enum walk_kind kind_of(const char *name, size_t len)
{
	if (name[0] != '.' || len > 2)
		return WALK_NAME;
	if (len == 1)
		return WALK_DOT;
	return name[1] == '.' ? WALK_DOTDOT : WALK_NAME;
}

/* Goes on until only the last component of w->rest is left. */
static int to_last(struct walk *w)
{
	for (;;) {
		const char *name = w->rest, *end;
		bool slash = *name == '/';
		int err;

		while (*name == '/')
			name++;
		if (*name == '\0') {
			w->kind = WALK_NONE;
			w->trailing_slash = slash;
			return 0;
		}
		for (end = name; *end != '\0' && *end != '/'; end++)
			;
		if (end - name > NAME_LEN_MAX)
			return -ENAMETOOLONG;
		w->last = name;
		w->last_len = (size_t)(end - name);
		w->kind = kind_of(name, w->last_len);
		w->rest = end;
		w->trailing_slash = *end == '/';
		while (*end == '/')
			end++;
		if (*end == '\0')
			return 0;
		err = step(w);
		if (err != 0)
			return err;
	}
}

int walk_follow(struct walk *w, struct dentry *link)
{
	int err = follow_link(w, link->inode);

	return err != 0 ? err : to_last(w);
}

int walk_begin(struct walk *w, const struct path *at, const char *name, unsigned flags)
{
	bool confined = flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT);
	int err;

	*w = (struct walk){ .flags = flags, .rest = name };
	if (name[0] == '\0' && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (strnlen(name, PATH_LEN_MAX) >= PATH_LEN_MAX)
		return -ENAMETOOLONG;
	if (at != NULL && (name[0] != '/' || confined)) {
		w->at = *at;
		path_get(&w->at);
	} else {
		err = name[0] == '/' && !confined ? view_root(&w->at) : view_cwd(&w->at);
		if (err != 0)
			return err;
	}
	if (confined) {
		w->root = w->at;
		path_get(&w->root);
	} else {
		err = view_root(&w->root);
		if (err != 0)
			return err;
	}
	if (name[0] == '/' && (flags & LOOKUP_BENEATH))
		return -EXDEV;
	return to_last(w);
}

/* The last component is a name: 1 = it was a link and the walk goes on. */
static int finish_name(struct walk *w)
{
	bool follow = !(w->flags & LOOKUP_NOFOLLOW) || w->trailing_slash;
	struct path p = { w->at.mnt, NULL };
	int err = walk_child(w, &p.dentry);

	if (err != 0)
		return err;
	if (p.dentry->inode == NULL) {
		dentry_put(p.dentry);
		return -ENOENT;
	}
	if (follow && dentry_is_link(p.dentry)) {
		err = walk_follow(w, p.dentry);
		dentry_put(p.dentry);
		return err != 0 ? err : 1;
	}
	mount_get(p.mnt);
	set_at(w, &p);
	return walk_cross(w, &w->at);
}

int walk_finish(struct walk *w, struct path *out)
{
	int err = 1;

	while (err > 0) {
		bool is_dir = S_ISDIR(w->at.dentry->inode->mode);

		if (w->kind == WALK_NAME)
			err = finish_name(w);
		else if (w->kind != WALK_NONE && !is_dir)
			err = -ENOTDIR;
		else
			err = w->kind == WALK_DOTDOT ? go_up(w) : 0;
	}
	if (err != 0)
		return err;
	if ((w->trailing_slash || (w->flags & LOOKUP_DIRECTORY)) &&
	    !S_ISDIR(w->at.dentry->inode->mode))
		return -ENOTDIR;
	*out = w->at;
	w->at = (struct path){ NULL, NULL };
	return 0;
}

void walk_end(struct walk *w)
{
	path_put(&w->at);
	path_put(&w->root);
	kmem_free(w->buffer);
}

int vfs_lookup(const struct path *at, const char *name, unsigned flags, struct path *out)
{
	struct walk w;
	int err = walk_begin(&w, at, name, flags);

	if (err == 0)
		err = walk_finish(&w, out);
	walk_end(&w);
	return err;
}
