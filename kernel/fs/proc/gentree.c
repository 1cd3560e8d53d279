/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree itself, its directories and links. gentree_file.c has the files' contents. See
 * gentree.h.
 *
 * Positions in a directory: "." and "..", then 2 + the fixed child's place, then DYNAMIC_POS +
 * number + 1 for the last process, thread or descriptor that was shown.
 */
#include "fs/proc/gentree_file.h"

#include <linux/stat.h>

#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define DYNAMIC_POS (1ll << 20)
#define NAME_ROOM   16 /* of a number, or an interface's name */

static struct gentree *tree_of(const struct inode *inode)
{
	return inode->sb->fs_private;
}

static bool is_named(const struct gen_node *n, const char *name, size_t len)
{
	return n->name_len == len && memcmp(n->name, name, len) == 0;
}

static enum gen_kind kind_of(const char *name, size_t len)
{
	if (len == 3 && memcmp(name, "PID", 3) == 0)
		return GEN_PID;
	if (len == 2 && memcmp(name, "IF", 2) == 0)
		return GEN_INTERFACE;
	return len == 2 && memcmp(name, "NR", 2) == 0 ? GEN_NR : GEN_FIXED;
}

/* The child of that name, made if need be. NULL = no memory. */
static struct gen_node *add_node(struct gentree *t, struct gen_node *parent, const char *name,
				 size_t len)
{
	struct gen_node *n;

	if (parent != NULL) {
		list_foreach(&parent->children, n, link) {
			if (is_named(n, name, len))
				return n;
		}
	}
	n = kmem_new(struct gen_node);
	if (n == NULL)
		return NULL;
	n->parent = parent;
	n->name = name;
	n->name_len = len;
	n->kind = kind_of(name, len);
	n->idx = ++t->nr_nodes;
	list_init(&n->children);
	list_init(&n->link);
	if (parent != NULL)
		list_append(&parent->children, &n->link);
	return n;
}

static int add_kind(struct gentree *t, struct gen_node *parent, const char *name,
		    enum gen_kind kind)
{
	struct gen_node *n = add_node(t, parent, name, strlen(name));

	if (n == NULL)
		return -ENOMEM;
	n->kind = kind;
	return 0;
}

static int add_file(struct gentree *t, const struct proc_file *file)
{
	struct gen_node *n = t->root;
	const char *at = file->path, *end;

	for (;; at = end + 1) {
		for (end = at; *end != '\0' && *end != '/'; end++)
			;
		n = add_node(t, n, at, (size_t)(end - at));
		if (n == NULL)
			return -ENOMEM;
		if (*end == '\0')
			break;
	}
	n->file = file;
	return 0;
}

static struct gen_node *find_kind(const struct gen_node *dir, enum gen_kind kind)
{
	struct gen_node *n;

	list_foreach(&dir->children, n, link) {
		if (n->kind == kind)
			return n;
	}
	return NULL;
}

/* The links of every process tree, and the threads of each process. */
static int add_process_nodes(struct gentree *t)
{
	struct gen_node *pid, *task;
	int err = add_kind(t, t->root, "self", GEN_SELF);

	if (err == 0)
		err = add_kind(t, t->root, "thread-self", GEN_THREAD_SELF);
	pid = add_node(t, t->root, "PID", 3);
	task = pid != NULL ? add_node(t, pid, "task", 4) : NULL;
	if (err != 0 || task == NULL)
		return -ENOMEM;
	return add_kind(t, task, "TID", GEN_TASK);
}

static void free_nodes(struct gen_node *n)
{
	while (n != NULL) {
		struct gen_node *child = list_first(&n->children, struct gen_node, link), *parent;

		if (child != NULL) {
			n = child;
			continue;
		}
		parent = n->parent;
		list_remove(&n->link);
		kmem_free(n);
		n = parent;
	}
}

static int build(struct gentree *t)
{
	int err = 0;

	t->root = add_node(t, NULL, "", 0);
	if (t->root == NULL)
		return -ENOMEM;
	if (t->processes != NULL)
		err = add_process_nodes(t);
	for (const struct proc_file *f = t->files; err == 0 && f < t->files_end; f++)
		err = add_file(t, f);
	if (err != 0) {
		free_nodes(t->root);
		t->root = NULL;
	}
	return err;
}

/* A process or descriptor number, as Linux writes it: no sign, no leading zero. -1: none such. */
static int parse_number(const char *name, size_t len)
{
	int64_t n = 0;

	if (len == 0 || len > 10 || (name[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		n = n * 10 + (name[i] - '0');
	}
	return n <= INT32_MAX ? (int)n : -1;
}

static uint32_t node_mode(const struct gen_node *n)
{
	if (n->kind == GEN_SELF || n->kind == GEN_THREAD_SELF)
		return S_IFLNK | 0777;
	if (n->file == NULL) {
		const struct gen_node *nr = find_kind(n, GEN_NR);

		return nr != NULL && nr->file != NULL && S_ISLNK(nr->file->mode) ? S_IFDIR | 0500
										 : S_IFDIR | 0555;
	}
	return n->file->mode & S_IFMT ? n->file->mode : S_IFREG | n->file->mode;
}

static uint64_t number_of(const struct gen_place *at)
{
	return at->node->idx | (uint64_t)(uint32_t)at->id << 12 | (uint64_t)(at->nr + 1) << 44;
}

static const struct inode_ops *ops_of(const struct inode *inode, const struct gen_node *n)
{
	if (S_ISDIR(inode->mode))
		return tree_of(inode)->processes != NULL ? &gen_dynamic_dir_ops : &gen_dir_ops;
	if (!S_ISLNK(inode->mode))
		return &gen_file_ops;
	return n->file != NULL && n->file->link != NULL ? &gen_magic_link_ops : &gen_link_ops;
}

static struct inode *new_inode(struct superblock *sb, const struct gen_place *at)
{
	const struct proc_processes *p = ((struct gentree *)sb->fs_private)->processes;
	struct inode *inode = inode_new(sb, node_mode(at->node));

	if (inode == NULL)
		return NULL;
	gen_inode_of(inode)->at = *at;
	inode->ino = number_of(at);
	inode->uid = inode->gid = 0;
	if (p != NULL && at->pid != 0)
		p->owner(at->pid, &inode->uid, &inode->gid);
	inode->ops = ops_of(inode, at->node);
	if (S_ISDIR(inode->mode)) {
		inode->nlink = 2;
		inode->fops = &gen_dir_fops;
	} else if (S_ISREG(inode->mode)) {
		inode->fops = &gen_fops;
	}
	return inode;
}

/* Does number `id` exist as a child of `dir` by `n`'s kind? Then *out is the place. */
static bool find_number(const struct proc_processes *p, const struct gen_place *dir,
			struct gen_node *n, int id, struct gen_place *out)
{
	*out = *dir;
	out->node = n;
	switch (n->kind) {
	case GEN_PID:
		out->pid = out->id = id;
		return p->exists(id);
	case GEN_TASK:
		out->node = dir->node->parent;
		out->id = id;
		out->is_task = true;
		return p->task_exists(dir->pid, id);
	case GEN_NR:
		out->nr = id;
		return p->fd_exists(dir->id, id);
	case GEN_INTERFACE:
		out->id = id;
		return id > 0;
	default:
		return false;
	}
}

static bool is_hidden(const struct gen_place *dir, const struct gen_node *n)
{
	return dir->is_task && find_kind(n, GEN_TASK) != NULL;
}

static bool has_name(const struct gen_node *n)
{
	return n->kind == GEN_FIXED || n->kind == GEN_SELF || n->kind == GEN_THREAD_SELF;
}

/* The number that a name means among n's; below 0: none. */
static int number_named(const struct gentree *t, const struct gen_node *n, const char *name,
			size_t len)
{
	return n->kind == GEN_INTERFACE && t->interfaces != NULL ? t->interfaces->find(name, len)
								 : parse_number(name, len);
}

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	const struct gen_place *here = &gen_inode_of(dir)->at;
	const struct proc_processes *p = tree_of(dir)->processes;
	struct gen_node *n;
	struct gen_place at;
	int id;

	if (here->pid != 0 && !p->exists(here->pid))
		return -ENOENT;
	list_foreach(&here->node->children, n, link) {
		id = has_name(n) ? -1 : number_named(tree_of(dir), n, name, len);
		if (has_name(n)) {
			if (!is_named(n, name, len) || is_hidden(here, n))
				continue;
			at = *here;
			at.node = n;
		} else if (id < 0 || !find_number(p, here, n, id, &at)) {
			continue;
		}
		*out = new_inode(dir->sb, &at);
		return *out == NULL ? -ENOMEM : 0;
	}
	return -ENOENT;
}

/* The next number after `id` (-1: the first), or -1. */
static int next_number(const struct gentree *t, const struct gen_place *dir,
		       const struct gen_node *n, int id)
{
	const struct proc_processes *p = t->processes;
	int next;

	if (n->kind == GEN_NR)
		return p->next_fd(dir->id, id);
	if (n->kind == GEN_INTERFACE)
		next = t->interfaces != NULL ? t->interfaces->next(max(id, 0)) : 0;
	else
		next = n->kind == GEN_PID ? p->next(max(id, 0))
					  : p->next_task(dir->pid, max(id, 0));
	return next > 0 ? next : -1;
}

static bool emit_numbers(struct file *f, struct dir_sink *s, int64_t *pos, struct gen_node *n)
{
	const struct gentree *t = tree_of(f->inode);
	const struct gen_place *dir = &gen_inode_of(f->inode)->at;
	int id = (int)(*pos - DYNAMIC_POS) - 1;
	struct gen_place at;
	char name[NAME_ROOM];

	while ((id = next_number(t, dir, n, id)) >= 0) {
		if (!find_number(t->processes, dir, n, id, &at))
			continue;
		if (n->kind == GEN_INTERFACE)
			t->interfaces->name(id, name, sizeof(name));
		else
			(void)fmt(name, sizeof(name), "%d", id);
		if (!s->emit(s, name, strlen(name), number_of(&at), node_mode(at.node) >> 12,
			     DYNAMIC_POS + id + 1))
			return false;
		*pos = DYNAMIC_POS + id + 1;
	}
	return true;
}

static int readdir(struct file *f, struct dir_sink *s, int64_t *pos)
{
	const struct gen_place *dir = &gen_inode_of(f->inode)->at;
	struct gen_node *n, *dynamic = NULL;
	int64_t at = 2;

	if (!vfs_emit_dots(f, s, pos))
		return 0;
	list_foreach(&dir->node->children, n, link) {
		struct gen_place place = *dir;

		if (!has_name(n)) {
			dynamic = n;
			continue;
		}
		place.node = n;
		at++;
		if (*pos >= at || is_hidden(dir, n))
			continue;
		if (!s->emit(s, n->name, n->name_len, number_of(&place), node_mode(n) >> 12, at))
			return 0;
		*pos = at;
	}
	*pos = max(*pos, (int64_t)DYNAMIC_POS);
	if (dynamic != NULL)
		emit_numbers(f, s, pos, dynamic);
	return 0;
}

/* The text of a link that only knows where it leads. */
static ssize_t name_target(const struct gen_place *at, char *buf, size_t size)
{
	char *text = kmem_alloc(PATH_LEN_MAX), *name;
	struct path target;
	ssize_t len = text == NULL ? -ENOMEM : at->node->file->link(at->id, at->nr, &target);

	if (len == 0) {
		len = path_name(&target, text, PATH_LEN_MAX, &name);
		path_put(&target);
	}
	if (len == 0) {
		len = (ssize_t)min(strlen(name), size);
		memcpy(buf, name, (size_t)len);
	}
	kmem_free(text);
	return len;
}

static ssize_t readlink(struct inode *inode, char *buf, size_t size)
{
	const struct gen_place *at = &gen_inode_of(inode)->at;
	const struct proc_processes *p = tree_of(inode)->processes;
	char text[40];
	int len;

	if (has_name(at->node) && at->node->kind != GEN_FIXED) {
		len = at->node->kind == GEN_SELF ? fmt(text, sizeof(text), "%d", p->current_pid())
						 : fmt(text, sizeof(text), "%d/task/%d",
						       p->current_pid(), p->current_tid());
		memcpy(buf, text, min((size_t)len, size));
		return (ssize_t)min((size_t)len, size);
	}
	if (at->node->file->link_text == NULL)
		return at->node->file->link == NULL ? -EINVAL : name_target(at, buf, size);
	return gen_link_text(at, buf, size);
}

static int follow(struct inode *inode, struct path *out)
{
	const struct gen_place *at = &gen_inode_of(inode)->at;

	return at->node->file->link(at->id, at->nr, out);
}

const struct file_ops gen_dir_fops = { .readdir = readdir };

int proc_file_process(const struct file *f)
{
	const struct gen_place *at;

	if (f->ops != &gen_dir_fops)
		return 0;
	at = &gen_inode_of(f->inode)->at;
	return at->node->kind == GEN_PID && !at->is_task ? at->pid : 0;
}
const struct inode_ops gen_dir_ops = { .lookup = lookup };
const struct inode_ops gen_dynamic_dir_ops = { .lookup = lookup, .dynamic_dir = true };
const struct inode_ops gen_link_ops = { .readlink = readlink };
const struct inode_ops gen_magic_link_ops = { .readlink = readlink, .follow = follow };
const struct inode_ops gen_file_ops = { .open = gen_open };

static struct inode *inode_alloc(struct superblock *sb)
{
	struct gen_inode *g = kmem_new(struct gen_inode);

	return g != NULL ? &g->inode : NULL;
}

static int statfs(struct superblock *sb, struct statfs_info *out)
{
	out->type = ((struct gentree *)sb->fs_private)->magic;
	return 0;
}

static const struct superblock_ops sb_ops = {
	.inode_alloc = inode_alloc,
	.statfs = statfs,
	.drop_unused = true,
};

int gentree_mount(struct gentree *t, unsigned sb_flags, struct superblock **out)
{
	struct superblock *sb = superblock_new(t->type_name, &sb_ops, sb_flags);
	struct gen_place at = { .nr = -1 };
	struct inode *root;
	int err = 0;

	if (sb == NULL)
		return -ENOMEM;
	sb->fs_private = t;
	mutex_lock(&t->lock);
	if (t->root == NULL)
		err = build(t);
	mutex_unlock(&t->lock);
	at.node = t->root;
	root = err == 0 ? new_inode(sb, &at) : NULL;
	if (root == NULL || superblock_set_root(sb, root) != 0) {
		superblock_put(sb);
		return -ENOMEM;
	}
	*out = sb;
	return 0;
}
