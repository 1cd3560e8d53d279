/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Balanced binary search tree, links embedded. The caller descends to the place (the order is
 * its own) and calls tree_insert with the parent and the slot; the tree rebalances.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct tree_node {
	struct tree_node *parent, *left, *right;
	int rank; /* the balance information of tree.c */
};

struct tree {
	struct tree_node *root;
};

void tree_insert(struct tree *t, struct tree_node *parent, struct tree_node **slot,
		 struct tree_node *node);
void tree_remove(struct tree *t, struct tree_node *node);
struct tree_node *tree_first(const struct tree *t);
struct tree_node *tree_last(const struct tree *t);
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_prev(const struct tree_node *node);

#define tree_entry(node, type, member) container_of(node, type, member)
