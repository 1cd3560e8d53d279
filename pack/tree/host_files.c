/* SPDX-License-Identifier: BSD-2-Clause */
/* From the host's files to nodes of the tree (host_files.h). */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pack/tree/host_files.h"

#define MAX_LINKS 40
#define MAX_DEPTH 64 /* of folders; what is deeper is a loop of mounts */

/* Linux's encoding of a device's number in 32 bits. */
static uint32_t encode_device(dev_t dev)
{
	return (minor(dev) & 0xff) | major(dev) << 8 | (minor(dev) & ~0xffu) << 12;
}

/* The node that the same file got under another name, or NULL; remembers this one. */
static struct node *find_linked(struct host_files *files, const struct stat *st, struct node *node)
{
	for (size_t i = 0; i < files->nr_linked; i++) {
		if (files->linked[i].ino == st->st_ino && files->linked[i].dev == st->st_dev)
			return files->linked[i].node;
	}
	if (!node)
		return NULL;
	files->linked = arena_grow(files->arena, files->linked, files->nr_linked, &files->capacity,
				   sizeof(*files->linked));
	files->linked[files->nr_linked++] = (struct linked){ st->st_dev, st->st_ino, node };
	return NULL;
}

static int add_regular(struct host_files *files, const char *host, const char *guest,
		       const struct stat *st, struct failure *failure)
{
	struct node *node = tree_find(files->tree, guest, false), *same;

	if (node && node->content.path && strcmp(node->content.path, host) == 0)
		return 0;
	if (access(host, R_OK) < 0)
		return failure_set(failure, "%s: %s; it belongs into the image", host,
				   strerror(errno));
	same = st->st_nlink > 1 ? find_linked(files, st, NULL) : NULL;
	if (same)
		return tree_link(files->tree, guest, same, failure);
	node = tree_add(files->tree, guest, st->st_mode, failure);
	if (!node)
		return -1;
	node->content.path = arena_string(files->arena, host);
	node->content.size_bytes = (uint64_t)st->st_size;
	if (st->st_nlink > 1)
		find_linked(files, st, node);
	return 0;
}

static int add_link(struct host_files *files, const char *host, const char *guest,
		    struct failure *failure)
{
	char target[PATH_MAX];
	ssize_t len = readlink(host, target, sizeof(target) - 1);
	struct node *node;

	if (len <= 0)
		return failure_set(failure, "%s: %s", host, strerror(errno));
	target[len] = '\0';
	node = tree_add(files->tree, guest, S_IFLNK | 0777, failure);
	if (!node)
		return -1;
	node->target = arena_string(files->arena, target);
	return 0;
}

/* One file as it is; a folder without what is in it. */
static int add_one(struct host_files *files, const char *host, const char *guest,
		   struct failure *failure)
{
	struct node *node;
	struct stat st;

	if (lstat(host, &st) < 0)
		return failure_set(failure, "%s: %s", host, strerror(errno));
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return add_regular(files, host, guest, &st, failure);
	case S_IFLNK:
		return add_link(files, host, guest, failure);
	case S_IFSOCK: /* nobody listens at it in the image */
		return 0;
	default:
		node = tree_add(files->tree, guest, st.st_mode, failure);
		if (node && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
			node->rdev = encode_device(st.st_rdev);
		return node ? 0 : -1;
	}
}

/* ---- a path, with its symbolic links ---- */

struct follow {
	struct host_files *files;
	char real[PATH_MAX]; /* resolved so far, without a final slash; "" is the root */
	char rest[PATH_MAX];
	unsigned nr_links;
};

static void drop_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

/* `real` is a symbolic link: its target goes before the rest. */
static int follow_link(struct follow *f, const char *rest, struct failure *failure)
{
	char target[PATH_MAX];
	ssize_t len = readlink(f->real, target, sizeof(target) - 1);
	size_t rest_len = strlen(rest);

	if (len <= 0 || ++f->nr_links > MAX_LINKS || (size_t)len + 1 + rest_len >= sizeof(f->rest))
		return failure_set(failure, "%s: %s", f->real, strerror(len < 0 ? errno : ELOOP));
	memmove(f->rest + len + 1, rest, rest_len + 1);
	memcpy(f->rest, target, (size_t)len);
	f->rest[len] = '/';
	if (target[0] == '/')
		f->real[0] = '\0';
	else
		drop_last(f->real);
	return 0;
}

/* One component, put into the tree. 1: the tree has a folder where the host has a link. */
static int follow_step(struct follow *f, struct failure *failure)
{
	const char *name = f->rest + strspn(f->rest, "/");
	size_t len = strcspn(name, "/"), at = strlen(f->real);
	char rest[PATH_MAX];
	struct node *node;
	struct stat st;

	strcpy(rest, name + len);
	if (len == 0 || (len == 1 && name[0] == '.')) {
		strcpy(f->rest, rest);
		return 0;
	}
	if (len == 2 && memcmp(name, "..", 2) == 0) {
		drop_last(f->real);
		strcpy(f->rest, rest);
		return 0;
	}
	if (at + 1 + len >= sizeof(f->real))
		return failure_set(failure, "%s/%s: %s", f->real, name, strerror(ENAMETOOLONG));
	f->real[at] = '/';
	memcpy(f->real + at + 1, name, len);
	f->real[at + 1 + len] = '\0';
	if (lstat(f->real, &st) < 0)
		return failure_set(failure, "%s: %s", f->real, strerror(errno));
	node = tree_find(f->files->tree, f->real, false);
	if (S_ISLNK(st.st_mode) && node && S_ISDIR(node->mode)) {
		strcpy(f->rest, rest);
		return 1;
	}
	if (!(S_ISDIR(st.st_mode) && node && S_ISDIR(tree_inode(node)->mode)) &&
	    add_one(f->files, f->real, f->real, failure))
		return -1;
	if (S_ISLNK(st.st_mode))
		return follow_link(f, rest, failure);
	strcpy(f->rest, rest);
	return 0;
}

int host_files_add(struct host_files *files, const char *path, struct failure *failure)
{
	struct follow f = { .files = files };
	char host[PATH_MAX];
	int err;

	if (strlen(path) >= sizeof(f.rest))
		return failure_set(failure, "%s: %s", path, strerror(ENAMETOOLONG));
	strcpy(f.rest, path);
	while (f.rest[0]) {
		err = follow_step(&f, failure);
		if (err < 0)
			return err;
		if (err == 0)
			continue;
		/* From here on the image's own folders are right. */
		if (!realpath(path, host))
			return failure_set(failure, "%s: %s", path, strerror(errno));
		return add_one(files, host, arena_printf(files->arena, "%s%s", f.real, f.rest),
			       failure);
	}
	return 0;
}

/* ---- folders ---- */

static bool is_excluded(const struct strings *patterns, const char *path)
{
	const char *name = strrchr(path, '/');

	for (size_t i = 0; patterns && i < patterns->nr; i++) {
		const char *pattern = patterns->at[i];

		if (fnmatch(pattern, strchr(pattern, '/') || !name ? path : name + 1, 0) == 0)
			return true;
	}
	return false;
}

struct copy {
	struct host_files *files;
	const struct file_rule *rule;
	bool moved; /* to another path than the host's */
};

static int set_rights(struct copy *copy, const char *guest, struct failure *failure)
{
	const struct file_rule *rule = copy->rule;
	struct node *node = tree_find(copy->files->tree, guest, false);
	unsigned uid = 0, gid = 0;
	char *end;

	if (!node || !rule || (!rule->mode && !rule->owner))
		return 0;
	node = tree_inode(node);
	if (rule->owner) {
		uid = (unsigned)strtoul(rule->owner, &end, 10);
		gid = *end == ':' ? (unsigned)strtoul(end + 1, &end, 10) : uid;
		if (*end || end == rule->owner)
			return failure_set(failure, "%sthe owner '%s' is not UID:GID in numbers",
					   place_text(copy->files->arena, &rule->place),
					   rule->owner);
		node->uid = uid;
		node->gid = gid;
	}
	if (rule->mode && S_ISREG(node->mode)) {
		unsigned long mode = strtoul(rule->mode, &end, 8);

		if (*end || end == rule->mode || mode > 07777)
			return failure_set(failure, "%sthe mode '%s' is not octal, such as 0644",
					   place_text(copy->files->arena, &rule->place),
					   rule->mode);
		node->mode = S_IFREG | (uint32_t)mode;
	}
	return 0;
}

static int copy_tree(struct copy *copy, const char *host, const char *guest, unsigned depth,
		     struct failure *failure);

static int copy_folder(struct copy *copy, const char *host, const char *guest, unsigned depth,
		       struct failure *failure)
{
	struct arena *arena = copy->files->arena;
	struct dirent **entries;
	int nr = scandir(host, &entries, NULL, NULL), err = 0;

	if (nr < 0)
		return failure_set(failure, "%s: %s", host, strerror(errno));
	for (int i = 0; i < nr; i++) {
		const char *name = entries[i]->d_name;

		if (!err && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			err = copy_tree(copy, arena_printf(arena, "%s/%s", host, name),
					arena_printf(arena, "%s/%s", guest, name), depth + 1,
					failure);
		free(entries[i]);
	}
	free(entries);
	return err;
}

/* A link that keeps its place brings the file that it leads to. */
static int copy_link(struct copy *copy, const char *host, struct failure *failure)
{
	char real[PATH_MAX];
	struct stat st;

	if (copy->moved || !realpath(host, real) || stat(real, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return host_files_add(copy->files, host, failure);
}

static int copy_tree(struct copy *copy, const char *host, const char *guest, unsigned depth,
		     struct failure *failure)
{
	struct stat st;
	int err;

	if (is_excluded(copy->files->exclude, host) ||
	    (copy->rule && is_excluded(&copy->rule->exclude, host)))
		return 0;
	if (depth > MAX_DEPTH)
		return failure_set(failure, "%s: more than %d folders deep", host, MAX_DEPTH);
	if ((depth == 0 ? stat(host, &st) : lstat(host, &st)) < 0)
		return failure_set(failure, "%s: %s", host, strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		struct node *dir = tree_add(copy->files->tree, guest, st.st_mode, failure);

		err = dir ? copy_folder(copy, host, guest, depth, failure) : -1;
	} else if (S_ISREG(st.st_mode)) {
		err = add_regular(copy->files, host, guest, &st, failure);
	} else {
		err = add_one(copy->files, host, guest, failure);
		if (!err && S_ISLNK(st.st_mode))
			err = copy_link(copy, host, failure);
	}
	return err ? err : set_rights(copy, guest, failure);
}

int host_files_add_at(struct host_files *files, const char *host, const char *guest,
		      struct failure *failure)
{
	struct copy copy = { .files = files, .moved = true };

	return copy_tree(&copy, host, guest, 0, failure);
}

/* ---- rules ---- */

static const char *without_final_slash(struct arena *arena, const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return arena_copy(arena, path, len);
}

/* One path that matched. */
static int add_match(struct copy *copy, const char *match, bool several, struct failure *failure)
{
	struct arena *arena = copy->files->arena;
	const char *to = copy->rule->to, *host = without_final_slash(arena, match);
	const char *name = strrchr(host, '/');
	char real[PATH_MAX];

	if (!to) {
		if (host_files_add(copy->files, host, failure))
			return -1;
		if (!realpath(host, real))
			return failure_set(failure, "%s: %s", host, strerror(errno));
		return copy_tree(copy, real, real, 0, failure);
	}
	copy->moved = true;
	if (several || to[strlen(to) - 1] == '/')
		to = arena_printf(arena, "%s/%s", without_final_slash(arena, to),
				  name ? name + 1 : host);
	return copy_tree(copy, host, to, 0, failure);
}

static int check_rule(struct host_files *files, const struct file_rule *rule,
		      struct failure *failure)
{
	const char *place = place_text(files->arena, &rule->place);

	if (rule->to && rule->to[0] != '/')
		return failure_set(failure, "%s%s:%s: where it goes is not an absolute path", place,
				   rule->from, rule->to);
	if (rule->to || rule->from[0] == '/')
		return 0;
	return failure_set(failure,
			   "%s%s: a path that does not begin with / needs a place in the image: "
			   "write %s:/PATH",
			   place, rule->from, rule->from);
}

int host_files_add_rule(struct host_files *files, const struct file_rule *rule,
			struct failure *failure)
{
	struct copy copy = { .files = files, .rule = rule };
	glob_t matches;
	int err = check_rule(files, rule, failure);

	if (err)
		return err;
	if (glob(rule->from, 0, NULL, &matches) != 0 || matches.gl_pathc == 0)
		return failure_set(failure, "%s%s: no file matches",
				   place_text(files->arena, &rule->place), rule->from);
	for (size_t i = 0; !err && i < matches.gl_pathc; i++) {
		if (is_excluded(files->exclude, matches.gl_pathv[i]))
			continue;
		err = add_match(&copy, matches.gl_pathv[i], matches.gl_pathc > 1, failure);
	}
	globfree(&matches);
	return err;
}
