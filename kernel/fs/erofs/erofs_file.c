/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of files and links. Whole blocks of a file that is not compressed are pages already;
 * the rest (the partial last one, holes, what another file has as well) is copied into pages of the
 * cache. Of a compressed file each extent that a fill touches is decoded, as far as it is needed.
 */
#include <linux/stat.h>

#include "arch/mmu.h"
#include "fs/erofs/erofs.h"
#include "lib/errno.h"
#include "lib/lz4.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define READAHEAD_PAGES 32

static struct erofs_inode *node_of(struct vm_object *o)
{
	return erofs_inode_of(container_of(o, struct inode, object));
}

static int chunk_block(const struct erofs *fs, const struct erofs_inode *node, uint64_t chunk,
		       uint32_t *out)
{
	bool has_index = node->data & EROFS_CHUNK_INDEXES;
	uint64_t unit = has_index ? sizeof(struct erofs_chunk_index) : sizeof(uint32_t);
	uint64_t table = align_up(node->tail, unit);
	const struct erofs_chunk_index *index;
	const uint32_t *block;

	if (chunk > fs->len / unit)
		return -EUCLEAN;
	index = erofs_at(fs, table + chunk * unit, unit);
	block = (const uint32_t *)index;
	if (index == NULL || (has_index && index->device != 0))
		return -EUCLEAN;
	*out = has_index ? index->block : *block;
	return 0;
}

static int chunk_run(const struct erofs_inode *node, uint64_t pos, struct erofs_run *out)
{
	const struct erofs *fs = erofs_of(node->inode.sb);
	unsigned bits = EROFS_BLOCK_BITS + EROFS_CHUNK_BITS(node->data);
	uint64_t in_chunk = pos & ((1ull << bits) - 1);
	uint32_t block;
	int err = chunk_block(fs, node, pos >> bits, &block);

	if (err != 0)
		return err;
	out->len = min((1ull << bits) - in_chunk, node->inode.size - pos);
	out->bytes = NULL;
	if (block == EROFS_HOLE)
		return 0;
	out->bytes = erofs_at(fs, (uint64_t)block * EROFS_BLOCK + in_chunk, out->len);
	return out->bytes == NULL ? -EUCLEAN : 0;
}

int erofs_run_at(const struct erofs_inode *node, uint64_t pos, struct erofs_run *out)
{
	const struct erofs *fs = erofs_of(node->inode.sb);
	uint64_t size = node->inode.size, whole = align_down(size, (uint64_t)EROFS_BLOCK);

	if (node->layout == EROFS_CHUNKED)
		return chunk_run(node, pos, out);
	if (node->layout == EROFS_FLAT_INLINE && pos >= whole) {
		out->bytes = erofs_at(fs, node->tail + (pos - whole), size - pos);
		out->len = size - pos;
	} else {
		out->len = (node->layout == EROFS_FLAT_INLINE ? whole : size) - pos;
		out->bytes = erofs_at(fs, (uint64_t)node->data * EROFS_BLOCK + pos, out->len);
	}
	return out->bytes == NULL ? -EUCLEAN : 0;
}

int erofs_read(const struct erofs_inode *node, uint64_t pos, void *buf, size_t len)
{
	struct erofs_run run;
	size_t n;
	int err;

	for (char *to = buf; len > 0; to += n, pos += n, len -= n) {
		err = erofs_run_at(node, pos, &run);
		if (err != 0)
			return err;
		n = (size_t)min(run.len, (uint64_t)len);
		if (run.bytes != NULL)
			memcpy(to, run.bytes, n);
		else
			memset(to, 0, n);
	}
	return 0;
}

ssize_t erofs_readlink(struct inode *inode, char *buf, size_t size)
{
	size_t len = (size_t)min(inode->size, (uint64_t)size);
	int err;

	if (inode->size == 0 || inode->size >= PATH_LEN_MAX)
		return -EUCLEAN;
	err = erofs_read(erofs_inode_of(inode), 0, buf, len);
	return err != 0 ? err : (ssize_t)len;
}

/* ---- pages ---- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
	while (len > 0 && bytes[len - 1] == 0)
		len--;
	return len == 0;
}

/* A program may see the rest of the last block, so it must be zero; a tail has no block. */
static struct page *in_place(struct vm_object *o, uint64_t idx)
{
	const struct erofs_inode *node = node_of(o);
	const struct erofs *fs = erofs_of(node->inode.sb);
	uint64_t pos = idx << PAGE_SHIFT, rest;
	struct erofs_run run;

	if (pos >= node->inode.size || erofs_run_at(node, pos, &run) != 0 || run.bytes == NULL ||
	    !is_aligned((uintptr_t)run.bytes, PAGE_SIZE))
		return NULL;
	rest = run.len < PAGE_SIZE ? PAGE_SIZE - run.len : 0;
	if (rest != 0 && (pos + run.len < node->inode.size ||
			  erofs_at(fs, (uint64_t)(run.bytes - fs->bytes), PAGE_SIZE) == NULL ||
			  !is_zero(run.bytes + run.len, rest)))
		return NULL;
	return paddr_to_page(ptr_to_paddr(run.bytes));
}

static int fill(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr)
{
	const struct erofs_inode *node = node_of(o);
	uint64_t size = node->inode.size, pos;
	size_t len;
	int err;

	for (unsigned i = 0; i < nr; i++) {
		char *to = page_to_ptr(pages[i]);

		pos = (idx + i) << PAGE_SHIFT;
		len = pos < size ? (size_t)min(size - pos, (uint64_t)PAGE_SIZE) : 0;
		err = erofs_read(node, pos, to, len);
		if (err != 0)
			return err;
		memset(to + len, 0, PAGE_SIZE - len);
	}
	return 0;
}

const struct pager erofs_pager = {
	.fill = fill,
	.in_place = in_place,
	.size = inode_object_size,
	.readahead_pages = 8,
};

/* ---- compressed files ---- */

/* Where decoded bytes go: [pos, ...) of the file, into pages that begin at `start`. */
struct sink {
	struct lz4_output out; /* first */
	struct page **pages;
	uint64_t start, end, pos;
};

static void give(struct sink *s, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		uint64_t skip = s->pos < s->start ? s->start - s->pos : 0;
		size_t in_page = (s->pos + skip) % PAGE_SIZE;
		size_t n = (size_t)min(skip, (uint64_t)len);

		if (skip == 0) {
			n = min(len, PAGE_SIZE - in_page);
			memcpy((char *)page_to_ptr(s->pages[(s->pos - s->start) / PAGE_SIZE]) +
				       in_page,
			       bytes, n);
		}
		bytes += n;
		s->pos += n;
		len -= n;
	}
}

static void take(struct lz4_output *o, const uint8_t *bytes, size_t len)
{
	give(container_of(o, struct sink, out), bytes, len);
}

/* The encoder filled up the first block from the front with zeros. */
static void skip_padding(struct erofs_extent *e)
{
	size_t most = min(e->len, (size_t)EROFS_BLOCK);

	while (most > 0 && *e->bytes == 0) {
		e->bytes++;
		e->len--;
		most--;
	}
}

/* As much of the extent as the pages want. */
static int decode(struct sink *s, struct erofs_extent *e)
{
	size_t want = (size_t)(min(e->end, s->end) - e->start);
	int err;

	s->pos = e->start;
	if (e->is_plain) {
		if (want > e->len)
			return -EUCLEAN;
		give(s, e->bytes, want);
		return 0;
	}
	s->out.window_bytes = min(want, (size_t)LZ4_WINDOW);
	s->out.window = kmem_alloc(s->out.window_bytes);
	if (s->out.window == NULL)
		return -ENOMEM;
	skip_padding(e);
	err = lz4_decode_to(&s->out, e->bytes, e->len, want);
	kmem_free(s->out.window);
	return err != 0 ? -EUCLEAN : 0;
}

static int fill_compressed(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr)
{
	const struct erofs_inode *node = node_of(o);
	uint64_t size = node->inode.size, start = idx << PAGE_SHIFT;
	struct sink s = {
		.out.take = take,
		.pages = pages,
		.start = start,
		.end = min(start + nr * PAGE_SIZE, size),
		.pos = start,
	};
	struct erofs_extent e;
	int err = 0;

	while (err == 0 && s.pos < s.end) {
		err = erofs_extent_at(node, s.pos, &e);
		if (err == 0)
			err = decode(&s, &e);
	}
	for (uint64_t at = max(s.end, start); err == 0 && at < start + nr * PAGE_SIZE;) {
		size_t n = PAGE_SIZE - at % PAGE_SIZE;

		memset((char *)page_to_ptr(pages[(at - start) / PAGE_SIZE]) + at % PAGE_SIZE, 0, n);
		at += n;
	}
	return err;
}

const struct pager erofs_compressed_pager = {
	.fill = fill_compressed,
	.size = inode_object_size,
	.readahead_pages = READAHEAD_PAGES,
};
