/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds links that lead nowhere (links.h). */
#include <unistd.h>

#include "pack/tree/links.h"

#define MAX_NAMED 3

struct search {
	struct tree *tree;
	unsigned nr;
	const char *named;
};

static void look(struct search *search, const struct node *link, const char *path)
{
	struct arena *arena = search->tree->arena;

	if (tree_find(search->tree, path, true) || access(path, F_OK) != 0)
		return;
	if (++search->nr <= MAX_NAMED)
		search->named = arena_printf(arena, "%s%s%s -> %s", search->named,
					     *search->named ? ", " : "", path, link->target);
}

static void visit(struct search *search, const struct node *dir, const char *path)
{
	for (size_t i = 0; i < dir->nr_entries; i++) {
		struct node *entry = dir->entries[i];
		const char *name = arena_printf(search->tree->arena, "%s/%s", path, entry->name);

		if (S_ISDIR(entry->mode))
			visit(search, entry, name);
		else if (S_ISLNK(entry->mode))
			look(search, entry, name);
	}
}

void links_note(struct tree *tree, struct strings *notes)
{
	struct search search = { .tree = tree, .named = "" };

	visit(&search, tree->root, "");
	if (search.nr)
		strings_add(tree->arena, notes,
			    arena_printf(
				    tree->arena,
				    "%u symbolic links lead to what is not in the image: %s%s; "
				    "add it by --files",
				    search.nr, search.named, search.nr > MAX_NAMED ? ", ..." : ""));
}
