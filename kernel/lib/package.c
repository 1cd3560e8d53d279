/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. A loader prints these texts behind its own name. */
#include "lib/package.h"

#include "abi/hull/boot.h"
#include "abi/hull/image.h"
#include "lib/lz4.h"
#include "lib/string.h"
#include "lib/x86_branch.h"
#include "lib/xxh32.h"

static const char DAMAGED[] = "the image is damaged";

/* The header's sum is taken with 0 in its place. */
static uint32_t head_sum(const struct package_header *header, size_t bytes)
{
	uint8_t copy[PACKAGE_HEAD_BYTES];

	memcpy(copy, header, bytes);
	memset(copy + offsetof(struct package_header, sum), 0, sizeof(header->sum));
	return xxh32(copy, bytes);
}

static bool lies_in(uint32_t begin, uint32_t bytes, uint32_t from, uint32_t to)
{
	return begin >= from && begin <= to && bytes <= to - begin;
}

static bool segment_fits(const struct package_header *h, const struct package_part *part)
{
	uint32_t end = part->kind == PACKAGE_PAYLOAD ? IMAGE_END_MAX : h->memory_end;

	return is_aligned(part->address, IMAGE_PAGE) &&
	       is_aligned(part->memory_bytes, IMAGE_PAGE) &&
	       part->plain_bytes <= part->memory_bytes &&
	       lies_in(part->address, part->memory_bytes, h->memory_begin, end) &&
	       lies_in(part->file_offset, part->plain_bytes, 0, h->image_bytes);
}

/* In place, what is packed begins inside of the part's own memory or behind it. */
static bool part_fits(const struct package_header *h, const struct package_part *part)
{
	return lies_in(part->offset, part->packed_bytes, 0, h->package_bytes) &&
	       part->plain_bytes <= h->image_bytes && part->margin <= IMAGE_END_MAX &&
	       part->packed_bytes <= part->plain_bytes + part->margin &&
	       (part->kind == PACKAGE_REST || segment_fits(h, part));
}

static bool parts_fit(const struct package_header *h)
{
	const struct package_part *part = package_parts(h);
	uint32_t end = h->memory_begin;

	for (uint32_t i = 0; i < h->nr_parts; i++, part++) {
		if (!part_fits(h, part))
			return false;
		if (part->kind == PACKAGE_REST)
			continue;
		if (part->address < end)
			return false;
		end = part->address + part->memory_bytes;
	}
	return true;
}

const char *package_check(const void *head, size_t head_bytes, uint32_t package_bytes)
{
	const struct package_header *h = head;
	size_t bytes;

	if (head_bytes < sizeof(*h) || h->magic != PACKAGE_MAGIC)
		return "there is no image on this disk, or the disk is damaged";
	if (h->version != PACKAGE_VERSION)
		return "the image is of another version of Hull than its loader";
	bytes = sizeof(*h) + h->nr_parts * sizeof(struct package_part);
	if (h->nr_parts == 0 || h->nr_parts > PACKAGE_MAX_PARTS || bytes > head_bytes ||
	    head_sum(h, bytes) != h->sum)
		return DAMAGED;
	if (h->package_bytes != package_bytes)
		return "the image is cut short";
	if (h->image_bytes > IMAGE_END_MAX || h->memory_begin < KERNEL_LOAD_PADDR ||
	    h->memory_end > IMAGE_END_MAX || h->memory_end < h->memory_begin ||
	    !lies_in(h->entry, 1, h->memory_begin, h->memory_end) ||
	    (h->slot &&
	     !lies_in(h->slot, sizeof(struct image_slot), h->memory_begin, h->memory_end)))
		return DAMAGED;
	return parts_fit(h) ? NULL : DAMAGED;
}

static bool decode(const struct package_part *part, const void *packed, void *plain,
		   struct lzma_model *model)
{
	const struct lzma_input input = { packed, part->packed_bytes };

	switch (part->method) {
	case PACKAGE_STORED:
		if (part->packed_bytes != part->plain_bytes)
			return false;
		if (packed != plain)
			memcpy(plain, packed, part->plain_bytes);
		return true;
	case PACKAGE_LZ4:
		return lz4_decode(packed, part->packed_bytes, plain, part->plain_bytes) ==
		       (ssize_t)part->plain_bytes;
	case PACKAGE_LZMA:
		return lzma_decode(model, input, plain, part->plain_bytes) == 0;
	default:
		return false;
	}
}

const char *package_decode(const struct package_part *part, const void *packed, void *plain,
			   struct lzma_model *model)
{
	if (xxh32(packed, part->packed_bytes) != part->packed_sum)
		return DAMAGED;
	if (!decode(part, packed, plain, model))
		return DAMAGED;
	if (part->is_code)
		x86_branch_decode(plain, part->plain_bytes);
	return NULL;
}
