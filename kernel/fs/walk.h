/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path resolution in two steps, for those who act on a name in its directory:
 *
 *	err = walk_begin(&w, at, name, flags);	resolves all but the last component: w.at, w.last
 *	err = walk_child(&w, &dentry);		the last component's dentry, perhaps negative
 *	err = walk_follow(&w, dentry);		a link to follow: w.at, w.last are the next ones
 *	walk_end(&w);				always, also after an error
 */
#pragma once
#include "fs/dentry.h"
#include "fs/mount.h"

enum walk_kind {
	WALK_NAME, /* last is an ordinary name in w.at */
	WALK_DOT,
	WALK_DOTDOT,
	WALK_NONE, /* nothing is left: w.at is the result ("/", a magic link) */
};

struct walk {
	struct path at;    /* counted */
	struct path root;  /* counted */
	unsigned flags;    /* LOOKUP_* */
	unsigned nr_links; /* followed so far */
	char *buffer;      /* owned: the text of the last link, and what came after it */
	const char *rest;  /* what follows `last` */
	const char *last;  /* in the caller's name or in buffer */
	size_t last_len;
	enum walk_kind kind;
	bool trailing_slash;
};

MUST_CHECK int walk_begin(struct walk *w, const struct path *at, const char *name, unsigned flags);
MUST_CHECK int walk_child(struct walk *w, struct dentry **out);
MUST_CHECK int walk_follow(struct walk *w, struct dentry *link);
/* To the end: the object itself, counted. */
MUST_CHECK int walk_finish(struct walk *w, struct path *out);
void walk_end(struct walk *w);
/* p's dentry is replaced by what is mounted on it. */
MUST_CHECK int walk_cross(struct walk *w, struct path *p);
/* The child of a directory, by the cache or the file system; counted, perhaps negative. The
 * second one is for those who hold the directory's inode->lock. Permission is the caller's. */
MUST_CHECK int walk_lookup(struct dentry *dir, const char *name, size_t len, struct dentry **out);
MUST_CHECK int walk_lookup_locked(struct dentry *dir, const char *name, size_t len,
				  struct dentry **out);

static inline bool dentry_is_link(const struct dentry *d)
{
	return d->inode != NULL && S_ISLNK(d->inode->mode);
}
