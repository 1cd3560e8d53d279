/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directories: blocks of entries, all sorted by name, so that a name is found by halving, first the
 * blocks, then the entries of one. A block's names stand behind its entries; each ends where the
 * next one's begins, the last at the first NUL or the block's end.
 *
 * An image could lead back from a directory to one above it. A directory is therefore only entered
 * from the one that its own ".." names.
 */
#include <linux/stat.h>

#include "fs/erofs/erofs.h"
#include "lib/errno.h"
#include "lib/string.h"

struct block {
	const struct erofs_dirent *entries;
	const char *bytes; /* the same */
	unsigned nr, len;
};

struct name {
	const char *bytes;
	unsigned len;
};

static unsigned nr_blocks(const struct erofs_inode *dir)
{
	return (unsigned)(align_up(dir->inode.size, (uint64_t)EROFS_BLOCK) / EROFS_BLOCK);
}

static int get_block(const struct erofs_inode *dir, unsigned idx, struct block *out)
{
	uint64_t pos = (uint64_t)idx * EROFS_BLOCK;
	uint64_t len = min((uint64_t)EROFS_BLOCK, dir->inode.size - pos);
	struct erofs_run run;
	unsigned names;
	int err = erofs_run_at(dir, pos, &run);

	if (err != 0)
		return err;
	if (run.bytes == NULL || run.len < len || len < sizeof(*out->entries))
		return -EUCLEAN;
	out->entries = (const struct erofs_dirent *)run.bytes;
	out->bytes = (const char *)run.bytes;
	out->len = (unsigned)len;
	names = out->entries[0].name_offset;
	out->nr = names / sizeof(*out->entries);
	return names % sizeof(*out->entries) != 0 || out->nr == 0 || names >= len ? -EUCLEAN : 0;
}

static int get_name(const struct block *b, unsigned i, struct name *out)
{
	unsigned from = b->entries[i].name_offset, to = b->len;

	if (i + 1 < b->nr)
		to = b->entries[i + 1].name_offset;
	if (from < b->nr * sizeof(*b->entries) || to > b->len || from >= to)
		return -EUCLEAN;
	out->bytes = b->bytes + from;
	out->len = (unsigned)strnlen(out->bytes, to - from);
	return out->len == 0 || out->len > NAME_LEN_MAX ? -EUCLEAN : 0;
}

/* As strcmp(), of `name` with entry i. */
static int compare(const struct block *b, unsigned i, const struct name *name, int *order)
{
	struct name here;
	int err = get_name(b, i, &here);

	if (err != 0)
		return err;
	*order = memcmp(name->bytes, here.bytes, min(name->len, here.len));
	if (*order == 0)
		*order = (int)name->len - (int)here.len;
	return 0;
}

/* The last block that does not begin behind the name. */
static int find_block(const struct erofs_inode *dir, const struct name *name, struct block *out)
{
	unsigned first = 0, end = nr_blocks(dir), middle;
	struct block b;
	int order, err;

	if (end == 0)
		return -ENOENT;
	while (end - first > 1) {
		middle = first + (end - first) / 2;
		err = get_block(dir, middle, &b);
		if (err == 0)
			err = compare(&b, 0, name, &order);
		if (err != 0)
			return err;
		if (order < 0)
			end = middle;
		else
			first = middle;
	}
	return get_block(dir, first, out);
}

int erofs_dir_find(struct erofs_inode *dir, const char *name, size_t len, uint64_t *nid)
{
	const struct name wanted = { name, (unsigned)len };
	unsigned first = 0, end, middle;
	struct block b;
	int order, err = find_block(dir, &wanted, &b);

	if (err != 0)
		return err;
	end = b.nr;
	while (first < end) {
		middle = first + (end - first) / 2;
		err = compare(&b, middle, &wanted, &order);
		if (err != 0)
			return err;
		if (order == 0) {
			*nid = b.entries[middle].nid;
			return 0;
		}
		if (order < 0)
			end = middle;
		else
			first = middle + 1;
	}
	return -ENOENT;
}

/* Is it below dir, and nowhere else? */
static int check_child(struct erofs_inode *dir, struct inode *child)
{
	struct erofs *fs = erofs_of(dir->inode.sb);
	struct erofs_inode *node = erofs_inode_of(child);
	uint64_t parent;
	int err;

	if (!S_ISDIR(child->mode))
		return 0;
	err = erofs_dir_find(node, "..", 2, &parent);
	if (err != 0 || parent != dir->nid || node->nid == dir->nid || node->nid == fs->root_nid)
		return -EUCLEAN;
	return 0;
}

static int lookup(struct inode *inode, const char *name, size_t len, struct inode **out)
{
	struct erofs_inode *dir = erofs_inode_of(inode);
	uint64_t nid;
	int err = erofs_dir_find(dir, name, len, &nid);

	if (err == 0)
		err = erofs_inode_get(erofs_of(inode->sb), nid, out);
	if (err != 0)
		return err;
	err = check_child(dir, *out);
	if (err != 0)
		inode_put(*out);
	return err;
}

static bool is_dots(const struct name *n)
{
	return n->bytes[0] == '.' && (n->len == 1 || (n->len == 2 && n->bytes[1] == '.'));
}

/* The number that a look-up shows. */
static uint64_t ino_of(const struct erofs *fs, uint64_t nid)
{
	uint64_t at = fs->meta + nid * EROFS_NID_UNIT;
	const struct erofs_inode_compact *c = erofs_at(fs, at, sizeof(*c));
	const struct erofs_inode_extended *e = erofs_at(fs, at, sizeof(*e));

	if (nid > fs->len / EROFS_NID_UNIT || c == NULL)
		return nid;
	if (!(c->format & EROFS_FORMAT_EXTENDED))
		return c->ino;
	return e == NULL ? nid : e->ino;
}

#define FIRST_POS 2 /* behind the dots */

static unsigned dt_of(unsigned type)
{
	static const uint8_t types[EROFS_NR_FT] = { 0, 8, 4, 2, 6, 1, 12, 10 };

	return type < EROFS_NR_FT ? types[type] : 0;
}

/* Emits a block's entries from number `i` on. 1: all of them, 0: the sink is full. */
static int emit_block(struct erofs *fs, const struct block *b, struct dir_sink *s, int64_t *pos)
{
	unsigned i = (unsigned)(*pos - FIRST_POS) % EROFS_BLOCK;
	const struct erofs_dirent *e;
	struct name name;
	int err;

	for (; i < b->nr; i++, ++*pos) {
		e = &b->entries[i];
		err = get_name(b, i, &name);
		if (err != 0)
			return err;
		if (is_dots(&name))
			continue;
		if (!s->emit(s, name.bytes, name.len, ino_of(fs, e->nid), dt_of(e->type), *pos + 1))
			return 0;
	}
	*pos = align_down(*pos - FIRST_POS, (int64_t)EROFS_BLOCK) + EROFS_BLOCK + FIRST_POS;
	return 1;
}

/* Positions: the dots, then FIRST_POS + the block's offset + the entry's number in it. */
static int readdir(struct file *f, struct dir_sink *s, int64_t *pos)
{
	struct erofs_inode *dir = erofs_inode_of(f->inode);
	struct block b;
	int err = 1;

	if (!vfs_emit_dots(f, s, pos))
		return 0;
	while (err == 1 && (uint64_t)(*pos - FIRST_POS) / EROFS_BLOCK < nr_blocks(dir)) {
		err = get_block(dir, (unsigned)((*pos - FIRST_POS) / EROFS_BLOCK), &b);
		if (err == 0)
			err = emit_block(erofs_of(f->inode->sb), &b, s, pos);
	}
	return min(err, 0);
}

const struct inode_ops erofs_dir_inode_ops = {
	.lookup = lookup,
	.xattr_get = erofs_xattr_get,
	.xattr_list = erofs_xattr_list,
};
const struct file_ops erofs_dir_fops = { .readdir = readdir };
