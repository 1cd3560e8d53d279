/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the extents of a compressed file are. The file is cut into logical clusters of a block; for
 * each there is an index. A head says where in the cluster an extent begins, and at which block it
 * is stored; a body cluster says how far back its head is. An extent ends where the next begins.
 *
 * The full form has 8 bytes a cluster. The compact one packs them: 2 clusters into 8 bytes, or 16
 * into 32, each with as many bits (12 of an offset or a distance, 2 of the type), and behind them
 * the block of the pack's first head: the others' follow from how many blocks the heads between
 * have. First come as many packs of 8 bytes as fill up 32, then those of 32, then of 8 again.
 */
#include "fs/erofs/erofs.h"
#include "lib/errno.h"

#define LOW_BITS   12u
#define LOW_MASK   ((1u << LOW_BITS) - 1)
#define PACK_SMALL 8u
#define PACK_LARGE 32u

struct cluster {
	enum erofs_cluster_type type;
	unsigned offset;    /* of a head: where in it the extent begins */
	uint32_t block;     /* of a head */
	unsigned back;      /* of a body: clusters to the head, not 0 */
	unsigned nr_blocks; /* of a body: what it says that the extent has; 0: nothing */
};

static bool is_big(const struct erofs_inode *node)
{
	return node->advise & EROFS_ADVISE_BIG_CLUSTER;
}

static uint64_t nr_clusters(const struct erofs_inode *node)
{
	return align_up(node->inode.size, (uint64_t)EROFS_BLOCK) / EROFS_BLOCK;
}

/* A distance, or the extent's blocks. */
static int take_delta(const struct erofs_inode *node, unsigned delta, struct cluster *out)
{
	out->back = delta;
	if (delta & EROFS_DELTA_IS_COUNT) {
		out->back = 1;
		out->nr_blocks = delta & ~EROFS_DELTA_IS_COUNT;
		if (!is_big(node) || out->nr_blocks == 0)
			return -EUCLEAN;
	}
	return out->back == 0 ? -EUCLEAN : 0;
}

static int load_full(const struct erofs_inode *node, uint64_t nr, struct cluster *out)
{
	const struct erofs *fs = erofs_of(node->inode.sb);
	uint64_t table = align_up(node->tail, (uint64_t)8) + sizeof(struct erofs_map_header) + 8;
	const struct erofs_cluster_index *index;

	index = erofs_at(fs, table + nr * sizeof(*index), sizeof(*index));
	if (index == NULL)
		return -EUCLEAN;
	*out = (struct cluster){ .type = index->advise & 3 };
	if (out->type == EROFS_CLUSTER_BODY)
		return take_delta(node, index->delta[0], out);
	out->offset = index->offset;
	out->block = index->block;
	return 0;
}

/* A cluster's place in its pack. */
struct pack {
	const uint8_t *bytes;
	unsigned size, nr, at; /* bytes of it; clusters in it; which of them */
	unsigned bits;         /* a cluster */
};

static int find_pack(const struct erofs_inode *node, uint64_t nr, struct pack *out)
{
	const struct erofs *fs = erofs_of(node->inode.sb);
	uint64_t at = align_up(node->tail, (uint64_t)8) + sizeof(struct erofs_map_header);
	uint64_t all = nr_clusters(node), small = (PACK_LARGE - at % PACK_LARGE) % PACK_LARGE / 4;
	uint64_t large = 0;
	bool is_small = true;

	if ((node->advise & EROFS_ADVISE_COMPACT_2B) && small < all)
		large = align_down(all - small, (uint64_t)16);
	if (nr >= small) {
		nr -= small;
		at += small * 4;
		is_small = nr >= large;
		if (is_small) {
			nr -= large;
			at += large * 2;
		}
	}
	out->size = is_small ? PACK_SMALL : PACK_LARGE;
	out->nr = is_small ? 2 : 16;
	out->at = (unsigned)(nr % out->nr);
	out->bits = (out->size - 4) * 8 / out->nr;
	out->bytes = erofs_at(fs, at + nr / out->nr * out->size, out->size);
	return out->bytes == NULL ? -EUCLEAN : 0;
}

/* Its 12 low bits; the type above them. The last one's bits end before the pack's block number. */
static unsigned unpack(const struct pack *p, unsigned i, enum erofs_cluster_type *type)
{
	unsigned bit = p->bits * i, value;
	const uint8_t *from = p->bytes + bit / 8;

	value = from[0] | (unsigned)from[1] << 8 | (unsigned)from[2] << 16;
	value >>= bit % 8;
	*type = value >> LOW_BITS & 3;
	return value & LOW_MASK;
}

/* The last of a pack says how far it is to the next head instead: its own is one more than the
 * one's before it. */
static int take_body(const struct erofs_inode *node, const struct pack *p, unsigned low,
		     struct cluster *out)
{
	enum erofs_cluster_type before;

	if ((low & EROFS_DELTA_IS_COUNT) || p->at + 1 < p->nr)
		return take_delta(node, low, out);
	low = unpack(p, p->at - 1, &before);
	if (before != EROFS_CLUSTER_BODY)
		low = 0;
	else if (low & EROFS_DELTA_IS_COUNT)
		low = 1;
	return take_delta(node, low + 1, out);
}

/* How many blocks the extents have that begin in the pack before cluster p->at. */
static int blocks_before(const struct erofs_inode *node, const struct pack *p, unsigned *out)
{
	enum erofs_cluster_type type;
	int i = (int)p->at;
	unsigned low;

	*out = is_big(node) ? 0 : 1;
	while (i > 0) {
		low = unpack(p, (unsigned)--i, &type);
		if (type != EROFS_CLUSTER_BODY) {
			++*out;
		} else if (!is_big(node)) {
			i -= (int)low;
			*out += i >= 0;
		} else if (low & EROFS_DELTA_IS_COUNT) {
			*out += low & ~EROFS_DELTA_IS_COUNT;
			i--;
		} else if (low <= 1) {
			return -EUCLEAN;
		} else {
			i -= (int)low - 2;
		}
	}
	return 0;
}

static int load_compact(const struct erofs_inode *node, uint64_t nr, struct cluster *out)
{
	unsigned low, before;
	const uint8_t *base;
	struct pack p;
	int err = find_pack(node, nr, &p);

	if (err != 0)
		return err;
	*out = (struct cluster){ .type = EROFS_CLUSTER_PLAIN };
	low = unpack(&p, p.at, &out->type);
	if (out->type == EROFS_CLUSTER_BODY)
		return take_body(node, &p, low, out);
	err = blocks_before(node, &p, &before);
	base = p.bytes + p.size - 4;
	out->offset = low;
	out->block = (uint32_t)(base[0] | base[1] << 8 | base[2] << 16) + ((uint32_t)base[3] << 24);
	out->block += before;
	return err;
}

static int load(const struct erofs_inode *node, uint64_t nr, struct cluster *out)
{
	int err = node->layout == EROFS_COMPRESSED_FULL ? load_full(node, nr, out)
							: load_compact(node, nr, out);

	if (err == 0 && (out->type == EROFS_CLUSTER_HEAD2 || out->offset >= EROFS_BLOCK))
		err = -EUCLEAN;
	return err;
}

/* The head of the extent with pos. Each step goes back. */
static int find_head(const struct erofs_inode *node, uint64_t pos, uint64_t *nr,
		     struct cluster *out)
{
	int err;

	*nr = pos / EROFS_BLOCK;
	err = load(node, *nr, out);
	if (err == 0 && out->type != EROFS_CLUSTER_BODY && pos % EROFS_BLOCK < out->offset) {
		if (*nr == 0)
			return -EUCLEAN;
		err = load(node, --*nr, out);
	}
	while (err == 0 && out->type == EROFS_CLUSTER_BODY) {
		if (out->back > *nr)
			return -EUCLEAN;
		*nr -= out->back;
		err = load(node, *nr, out);
	}
	return err;
}

/* Where the extent of head `nr` ends, and how many blocks it has. */
static int find_end(const struct erofs_inode *node, uint64_t nr, uint64_t *end, unsigned *nr_blocks)
{
	uint64_t all = nr_clusters(node), at;
	struct cluster c;
	int err;

	*nr_blocks = 1;
	*end = node->inode.size;
	for (at = nr + 1; at < all; at++) {
		err = load(node, at, &c);
		if (err != 0)
			return err;
		if (c.type != EROFS_CLUSTER_BODY) {
			*end = at * EROFS_BLOCK + c.offset;
			return 0;
		}
		if (at == nr + 1 && c.nr_blocks != 0)
			*nr_blocks = c.nr_blocks;
	}
	return 0;
}

int erofs_extent_at(const struct erofs_inode *node, uint64_t pos, struct erofs_extent *out)
{
	const struct erofs *fs = erofs_of(node->inode.sb);
	struct cluster head;
	unsigned nr_blocks;
	uint64_t nr;
	int err = find_head(node, pos, &nr, &head);

	if (err == 0)
		err = find_end(node, nr, &out->end, &nr_blocks);
	if (err != 0)
		return err;
	out->start = nr * EROFS_BLOCK + head.offset;
	out->is_plain = head.type == EROFS_CLUSTER_PLAIN;
	out->len = nr_blocks * EROFS_BLOCK;
	out->bytes = erofs_at(fs, (uint64_t)head.block * EROFS_BLOCK, out->len);
	return out->bytes == NULL || out->start > pos || out->end <= pos ? -EUCLEAN : 0;
}
