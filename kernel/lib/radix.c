/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A radix tree over 64-bit indices, 6 bits a level. Height h covers indices below 64^h; the tree
 * grows a level above its root when an index does not fit, and shrinks when only slot 0 of the
 * root is left. A node without items is freed at once, so an empty tree holds no memory.
 */
#include "lib/errno.h"
#include "lib/radix.h"

#define BITS       6
#define SLOTS      (1u << BITS)
#define HEIGHT_MAX 11 /* 11 * 6 >= 64 */

struct radix_node {
	unsigned nr_used;
	void *slots[SLOTS];
};

static unsigned slot_at(uint64_t idx, unsigned level)
{
	return idx >> (level * BITS) & (SLOTS - 1);
}

static bool fits(uint64_t idx, unsigned height)
{
	return height >= HEIGHT_MAX || idx >> (height * BITS) == 0;
}

static struct radix_node *node_new(struct radix *r)
{
	return r->alloc->new_node(sizeof(struct radix_node));
}

static void node_free(struct radix *r, struct radix_node *n)
{
	r->alloc->free_node(n, sizeof(*n));
}

void radix_init(struct radix *r, const struct radix_alloc *alloc)
{
	*r = (struct radix){ .alloc = alloc };
}

void *radix_get(const struct radix *r, uint64_t idx)
{
	struct radix_node *n = r->root;

	if (n == NULL || !fits(idx, r->height))
		return NULL;
	for (unsigned level = r->height - 1; level > 0 && n != NULL; level--)
		n = n->slots[slot_at(idx, level)];
	return n != NULL ? n->slots[slot_at(idx, 0)] : NULL;
}

/* Drops empty nodes on idx's path, from the bottom, and needless levels at the top. */
static void shrink(struct radix *r, uint64_t idx)
{
	struct radix_node *path[HEIGHT_MAX], *n = r->root;
	unsigned level;

	for (level = r->height; level-- > 0 && n != NULL; n = n->slots[slot_at(idx, level)])
		path[level] = n;
	for (level++; level < r->height && path[level]->nr_used == 0; level++) {
		node_free(r, path[level]);
		if (level + 1 == r->height) {
			r->root = NULL;
			r->height = 0;
			return;
		}
		path[level + 1]->slots[slot_at(idx, level + 1)] = NULL;
		path[level + 1]->nr_used--;
	}
	while (r->height > 1 && r->root->nr_used == 1 && r->root->slots[0] != NULL) {
		n = r->root;
		r->root = n->slots[0];
		r->height--;
		node_free(r, n);
	}
}

static int grow(struct radix *r, uint64_t idx)
{
	struct radix_node *n;

	while (r->root == NULL || !fits(idx, r->height)) {
		if (r->root == NULL && r->height < HEIGHT_MAX && !fits(idx, r->height + 1)) {
			r->height++; /* nothing below: start at the height needed */
			continue;
		}
		n = node_new(r);
		if (n == NULL) {
			if (r->root == NULL)
				r->height = 0;
			return -ENOMEM;
		}
		n->slots[0] = r->root;
		n->nr_used = r->root != NULL;
		r->root = n;
		r->height++;
	}
	return 0;
}

int radix_set(struct radix *r, uint64_t idx, void *item)
{
	struct radix_node *n, *child;
	unsigned slot;

	if (grow(r, idx) != 0)
		return -ENOMEM;
	n = r->root;
	for (unsigned level = r->height - 1; level > 0; level--) {
		slot = slot_at(idx, level);
		child = n->slots[slot];
		if (child == NULL) {
			child = node_new(r);
			if (child == NULL) {
				shrink(r, idx);
				return -ENOMEM;
			}
			n->slots[slot] = child;
			n->nr_used++;
		}
		n = child;
	}
	slot = slot_at(idx, 0);
	n->nr_used += n->slots[slot] == NULL;
	n->slots[slot] = item;
	return 0;
}

void *radix_remove(struct radix *r, uint64_t idx)
{
	struct radix_node *n = r->root;
	void *item;

	if (n == NULL || !fits(idx, r->height))
		return NULL;
	for (unsigned level = r->height - 1; level > 0; level--) {
		n = n->slots[slot_at(idx, level)];
		if (n == NULL)
			return NULL;
	}
	item = n->slots[slot_at(idx, 0)];
	if (item == NULL)
		return NULL;
	n->slots[slot_at(idx, 0)] = NULL;
	n->nr_used--;
	shrink(r, idx);
	return item;
}

/*
 * Down idx's path as far as it is filled; *level is how far the walk came (0: an item was found).
 */
static void *descend(const struct radix *r, uint64_t idx, unsigned *level)
{
	void *at = r->root;

	for (*level = r->height; *level > 0 && at != NULL; (*level)--) {
		at = ((struct radix_node *)at)->slots[slot_at(idx, *level - 1)];
		if (at == NULL)
			break;
	}
	return at;
}

void *radix_next(const struct radix *r, uint64_t *idx)
{
	uint64_t at = *idx, step;
	unsigned level;
	void *item;

	while (r->root != NULL && fits(at, r->height)) {
		item = descend(r, at, &level);
		if (item != NULL) {
			*idx = at;
			return item;
		}
		step = 1ull << ((level - 1) * BITS); /* what the empty slot spans */
		at = (at & ~(step - 1)) + step;
		if (at == 0)
			return NULL;
	}
	return NULL;
}
