/* SPDX-License-Identifier: BSD-2-Clause */
/* Each ELF file of the tree through rewrite_bytes (patch.h). */
#define _GNU_SOURCE 1
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pack/patch.h"
#include "pack/rewrite/rewrite.h"

/* A file's bytes while they are looked at. */
struct mapped {
	const uint8_t *bytes; /* NULL: it is empty */
	void *mapping;
	size_t len, mapping_len;
};

static int map_content(struct mapped *map, const struct content *content, struct failure *failure)
{
	uint64_t offset = content->path ? 0 : content->offset, head = offset % 4096;
	int fd = content->fd;

	*map = (struct mapped){ .bytes = content->bytes, .len = content->size_bytes };
	if (content->bytes || !content->size_bytes)
		return 0;
	if (content->path)
		fd = open(content->path, O_RDONLY | O_CLOEXEC);
	map->mapping_len = map->len + head;
	map->mapping = mmap(NULL, map->mapping_len, PROT_READ, MAP_PRIVATE, fd,
			    (off_t)(offset - head));
	if (content->path && fd >= 0)
		close(fd);
	if (map->mapping == MAP_FAILED) {
		map->mapping = NULL;
		return failure_set(failure, "%s: %s",
				   content->path ? content->path : "the unpacked layers",
				   strerror(errno));
	}
	map->bytes = (const uint8_t *)map->mapping + head;
	return 0;
}

static bool is_code(const struct mapped *map)
{
	Elf64_Ehdr header;

	if (!map->bytes || map->len < sizeof(header))
		return false;
	memcpy(&header, map->bytes, sizeof(header));
	return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
	       header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == EM_X86_64 &&
	       (header.e_type == ET_EXEC || header.e_type == ET_DYN);
}

static int patch_file(struct tree *tree, struct node *node, struct patch_count *count,
		      struct failure *failure)
{
	struct rewritten result = { .bytes = NULL };
	struct failure why;
	struct mapped map;
	int err = map_content(&map, &node->content, failure);

	if (err)
		return err;
	if (is_code(&map) && rewrite_bytes(&result, node->name, map.bytes, map.len, &why) != 0)
		strings_add(tree->arena, count->notes,
			    arena_printf(tree->arena, "not patched: %s", why.text));
	if (map.mapping)
		munmap(map.mapping, map.mapping_len);
	count->nr_sites += result.nr_sites;
	count->nr_patched += result.nr_rewritten;
	count->nr_files += result.nr_rewritten != 0;
	if (result.bytes) {
		node->content = (struct content){
			.bytes = arena_copy(tree->arena, result.bytes, result.len_bytes),
			.size_bytes = result.len_bytes,
			.fd = -1,
		};
	}
	rewritten_fini(&result);
	return 0;
}

static int visit(struct tree *tree, struct node *node, struct patch_count *count,
		 struct failure *failure)
{
	for (size_t i = 0; i < node->nr_entries; i++) {
		if (visit(tree, node->entries[i], count, failure))
			return -1;
	}
	if (!S_ISREG(node->mode) || node->same_as)
		return 0;
	return patch_file(tree, node, count, failure);
}

int patch_tree(struct tree *tree, struct patch_count *count, struct failure *failure)
{
	return visit(tree, tree->root, count, failure);
}
