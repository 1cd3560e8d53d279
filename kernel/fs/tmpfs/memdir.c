/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories in memory: two trees over the same entries. See memdir.h. */
#include "fs/tmpfs/memdir.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

void memdir_init(struct memdir *d)
{
	*d = (struct memdir){ .next_pos = MEMDIR_POS_FIRST };
}

struct memdir_entry *memdir_any(struct memdir *d)
{
	struct tree_node *n = d->names.root;

	return n != NULL ? tree_entry(n, struct memdir_entry, by_name) : NULL;
}

void memdir_fini(struct memdir *d)
{
	struct memdir_entry *e;

	while ((e = memdir_any(d)) != NULL)
		memdir_remove(d, e);
}

static void insert_last(struct tree *t, struct tree_node *n)
{
	struct tree_node *last = tree_last(t);

	tree_insert(t, last, last != NULL ? &last->right : &t->root, n);
}

void memdir_absorb(struct memdir *to, struct memdir *from)
{
	struct memdir_entry *e;

	while ((e = memdir_any(from)) != NULL) {
		tree_remove(&from->names, &e->by_name);
		tree_remove(&from->positions, &e->by_pos);
		insert_last(&to->names, &e->by_name);
		insert_last(&to->positions, &e->by_pos);
	}
}

static int compare(const struct memdir_entry *e, const char *name, size_t len)
{
	int order = memcmp(name, e->name, min(len, (size_t)e->len));

	if (order != 0 || len == e->len)
		return order;
	return len < e->len ? -1 : 1;
}

/* Where `name` stands or would stand. */
static struct tree_node **find_slot(struct memdir *d, const char *name, size_t len,
				    struct tree_node **parent)
{
	struct tree_node **slot = &d->names.root;

	*parent = NULL;
	while (*slot != NULL) {
		int order = compare(tree_entry(*slot, struct memdir_entry, by_name), name, len);

		if (order == 0)
			break;
		*parent = *slot;
		slot = order < 0 ? &(*slot)->left : &(*slot)->right;
	}
	return slot;
}

struct memdir_entry *memdir_find(const struct memdir *d, const char *name, size_t len)
{
	struct tree_node *parent, **slot = find_slot((struct memdir *)d, name, len, &parent);

	return *slot != NULL ? tree_entry(*slot, struct memdir_entry, by_name) : NULL;
}

static void replace(struct memdir_entry *e, struct inode *inode)
{
	struct inode *old = e->inode;

	if (inode != NULL)
		inode_get(inode);
	e->inode = inode;
	if (old != NULL)
		inode_put(old);
}

int memdir_set(struct memdir *d, const char *name, size_t len, struct inode *inode)
{
	struct tree_node *parent, **slot = find_slot(d, name, len, &parent);
	struct memdir_entry *e;

	if (*slot != NULL) {
		replace(tree_entry(*slot, struct memdir_entry, by_name), inode);
		return 0;
	}
	e = kmem_alloc(sizeof(*e) + len + 1);
	if (e == NULL)
		return -ENOMEM;
	memcpy(e->name, name, len);
	e->len = (unsigned)len;
	e->pos = d->next_pos++;
	e->inode = inode;
	if (inode != NULL)
		inode_get(inode);
	tree_insert(&d->names, parent, slot, &e->by_name);
	insert_last(&d->positions, &e->by_pos);
	return 0;
}

void memdir_remove(struct memdir *d, struct memdir_entry *e)
{
	tree_remove(&d->names, &e->by_name);
	tree_remove(&d->positions, &e->by_pos);
	if (e->inode != NULL)
		inode_put(e->inode);
	kmem_free(e);
}

struct memdir_entry *memdir_at(const struct memdir *d, int64_t pos)
{
	struct tree_node *n = d->positions.root;
	struct memdir_entry *found = NULL;

	while (n != NULL) {
		struct memdir_entry *e = tree_entry(n, struct memdir_entry, by_pos);

		if (e->pos >= pos)
			found = e;
		n = e->pos >= pos ? n->left : n->right;
	}
	return found;
}

static struct memdir_entry *next_entry(struct memdir_entry *e)
{
	struct tree_node *n = tree_next(&e->by_pos);

	return n != NULL ? tree_entry(n, struct memdir_entry, by_pos) : NULL;
}

bool memdir_is_empty(const struct memdir *d)
{
	for (struct memdir_entry *e = memdir_at(d, 0); e != NULL; e = next_entry(e)) {
		if (e->inode != NULL)
			return false;
	}
	return true;
}

bool memdir_emit(const struct memdir *d, struct dir_sink *s, int64_t *pos)
{
	for (struct memdir_entry *e = memdir_at(d, *pos); e != NULL; e = next_entry(e)) {
		struct inode *inode = e->inode;

		if (inode != NULL &&
		    !s->emit(s, e->name, e->len, inode->ino, inode->mode >> 12 & 15, e->pos + 1))
			return false;
		*pos = e->pos + 1;
	}
	return true;
}
