/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Weak AVL trees (Haeupler, Sen, Tarjan: Rank-Balanced Trees, 2015). Every node has a rank; an
 * absent child has rank -1; a parent's rank is 1 or 2 above each child's, and a leaf's is 0.
 * Insertion and removal do at most two rotations; the height is at most 2 log2(n).
 */
#include "lib/tree.h"

static int rank_of(const struct tree_node *n)
{
	return n != NULL ? n->rank : -1;
}

static struct tree_node *sibling_of(const struct tree_node *p, const struct tree_node *n)
{
	return p->left == n ? p->right : p->left;
}

/* `up` takes the place of `down` below down's parent. */
static void replace_child(struct tree *t, struct tree_node *down, struct tree_node *up)
{
	struct tree_node *p = down->parent;

	if (p == NULL)
		t->root = up;
	else if (p->left == down)
		p->left = up;
	else
		p->right = up;
	if (up != NULL)
		up->parent = p;
}

/* Lifts n above its parent. */
static void rotate_up(struct tree *t, struct tree_node *n)
{
	struct tree_node *p = n->parent, *moved;

	replace_child(t, p, n);
	if (p->left == n) {
		moved = n->right;
		p->left = moved;
		n->right = p;
	} else {
		moved = n->left;
		p->right = moved;
		n->left = p;
	}
	p->parent = n;
	if (moved != NULL)
		moved->parent = p;
}

void tree_insert(struct tree *t, struct tree_node *parent, struct tree_node **slot,
		 struct tree_node *node)
{
	struct tree_node *n = node, *p = parent, *inner;

	*node = (struct tree_node){ .parent = parent };
	*slot = node;
	while (p != NULL && p->rank == n->rank) {
		if (p->rank - rank_of(sibling_of(p, n)) == 1) {
			p->rank++;
			n = p;
			p = p->parent;
			continue;
		}
		inner = p->left == n ? n->right : n->left;
		p->rank--;
		if (n->rank - rank_of(inner) == 1) {
			inner->rank++;
			n->rank--;
			rotate_up(t, inner);
			rotate_up(t, inner);
		} else {
			rotate_up(t, n);
		}
		return;
	}
}

/* p's other subtree is three below it and s, p's child, one below: one rotation or two end it. */
static void rotate_after_remove(struct tree *t, struct tree_node *p, struct tree_node *s)
{
	struct tree_node *outer = p->left == s ? s->left : s->right;
	struct tree_node *inner = p->left == s ? s->right : s->left;

	if (s->rank - rank_of(outer) == 1) {
		s->rank++;
		p->rank--;
		rotate_up(t, s);
		if (p->left == NULL && p->right == NULL)
			p->rank = 0;
		return;
	}
	inner->rank += 2;
	s->rank--;
	p->rank -= 2;
	rotate_up(t, inner);
	rotate_up(t, inner);
}

/* A subtree n (maybe empty) of p has lost a rank. */
static void rebalance_after_remove(struct tree *t, struct tree_node *p, struct tree_node *n)
{
	struct tree_node *s;

	if (p->left == NULL && p->right == NULL && p->rank == 1) {
		p->rank = 0;
		n = p;
		p = p->parent;
	}
	while (p != NULL && p->rank - rank_of(n) == 3) {
		s = sibling_of(p, n);
		if (p->rank - s->rank == 1) {
			if (s->rank - rank_of(s->left) == 1 || s->rank - rank_of(s->right) == 1) {
				rotate_after_remove(t, p, s);
				return;
			}
			s->rank--;
		}
		p->rank--;
		n = p;
		p = p->parent;
	}
}

/* Exchanges node, which has two children, with its successor, which has no left one. */
static void take_place(struct tree *t, struct tree_node *node, struct tree_node *next)
{
	struct tree_node old = *next;

	replace_child(t, node, next);
	next->rank = node->rank;
	next->left = node->left;
	next->left->parent = next;
	if (old.parent == node) {
		node->parent = next;
		next->right = node;
	} else {
		node->parent = old.parent;
		old.parent->left = node;
		next->right = node->right;
		next->right->parent = next;
	}
	node->left = NULL;
	node->right = old.right;
	if (node->right != NULL)
		node->right->parent = node;
}

void tree_remove(struct tree *t, struct tree_node *node)
{
	struct tree_node *p, *child;

	if (node->left != NULL && node->right != NULL)
		take_place(t, node, tree_next(node));
	p = node->parent;
	child = node->left != NULL ? node->left : node->right;
	replace_child(t, node, child);
	if (p != NULL)
		rebalance_after_remove(t, p, child);
	*node = (struct tree_node){ 0 };
}

struct tree_node *tree_first(const struct tree *t)
{
	struct tree_node *n = t->root;

	while (n != NULL && n->left != NULL)
		n = n->left;
	return n;
}

struct tree_node *tree_last(const struct tree *t)
{
	struct tree_node *n = t->root;

	while (n != NULL && n->right != NULL)
		n = n->right;
	return n;
}

struct tree_node *tree_next(const struct tree_node *node)
{
	const struct tree_node *n = node;

	if (n->right != NULL) {
		for (n = n->right; n->left != NULL;)
			n = n->left;
		return (struct tree_node *)n;
	}
	while (n->parent != NULL && n->parent->right == n)
		n = n->parent;
	return n->parent;
}

struct tree_node *tree_prev(const struct tree_node *node)
{
	const struct tree_node *n = node;

	if (n->left != NULL) {
		for (n = n->left; n->right != NULL;)
			n = n->right;
		return (struct tree_node *)n;
	}
	while (n->parent != NULL && n->parent->left == n)
		n = n->parent;
	return n->parent;
}
