/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each segment is compressed by itself, so that a loader decodes it where it
 * belongs; the rest of the file, mostly headers and padding, is one part more.
 *
 * How far behind a part's place its packed bytes have to end is found by
 * trying: by the decoder that the loaders have, on the very bytes.
 */
#include "pack/disk/package.h"

#include <lz4hc.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "abi/hull/disk.h"
#include "lib/compiler.h"
#include "lib/package.h"
#include "lib/x86_branch.h"
#include "lib/xxh32.h"
#include "pack/disk/segments.h"

#define MARGIN_MIN      32u
#define MARGIN_MAX      (16u << 20)
#define EFFORT_MAX      (8u << 20) /* larger ones are compressed once, with less effort */
#define LZ4_EFFORT_HIGH 12
#define LZ4_EFFORT_LOW  9
#define LZMA_WORD       273 /* the longest match */
#define LZMA_DEPTH      1000

/* One part in the making. Both are owned. */
struct part {
	struct package_part is;
	uint8_t *plain, *packed;
};

struct package {
	struct package_header header;
	unsigned nr;
	struct part parts[PACKAGE_MAX_PARTS];
};

static int no_memory(struct failure *failure)
{
	return failure_set(failure, "too little memory to make the disk");
}

/* The compressors' results are in a buffer that is as large as the plain bytes:
 * one that would not fit saves nothing. 0: it did not. */
static size_t compress_lz4(const uint8_t *plain, size_t len, uint8_t *packed)
{
	int effort = len <= EFFORT_MAX ? LZ4_EFFORT_HIGH : LZ4_EFFORT_LOW;
	int n = LZ4_compress_HC((const char *)plain, (char *)packed, (int)len, (int)len, effort);

	return n > 0 ? (size_t)n : 0;
}

static size_t compress_lzma(const uint8_t *plain, size_t len, uint8_t *packed)
{
	lzma_options_lzma options;
	const lzma_filter filters[] = {
		{ .id = LZMA_FILTER_LZMA1, .options = &options },
		{ .id = LZMA_VLI_UNKNOWN },
	};
	size_t made = 0;

	if (lzma_lzma_preset(&options, 9 | LZMA_PRESET_EXTREME))
		return 0;
	options.dict_size = (uint32_t)max(len, (size_t)LZMA_DICT_SIZE_MIN);
	options.lc = LZMA_LC;
	options.lp = options.pb = 0;
	options.nice_len = LZMA_WORD;
	if (len <= EFFORT_MAX)
		options.depth = LZMA_DEPTH;
	if (lzma_raw_buffer_encode(filters, NULL, plain, len, packed, &made, len) != LZMA_OK)
		return 0;
	return made;
}

static size_t compress(enum disk_compression by, const uint8_t *plain, size_t len, uint8_t *packed)
{
	switch (by) {
	case DISK_LZ4:
		return compress_lz4(plain, len, packed);
	case DISK_LZMA:
		return compress_lzma(plain, len, packed);
	default:
		return 0;
	}
}

static void set_packed(struct part *p, uint8_t *packed, size_t len, enum package_method method)
{
	free(p->packed);
	p->packed = packed;
	p->is.packed_bytes = (uint32_t)len;
	p->is.method = method;
}

/* As it is, or as code, whatever is smaller; neither may be smaller than the
 * bytes themselves. */
static int pack_part(struct part *p, enum disk_compression by, bool as_code)
{
	size_t len = p->is.plain_bytes, n;
	uint8_t *packed = malloc(len + 1), *code = malloc(len + 1);

	if (!packed || !code) {
		free(packed);
		free(code);
		return -1;
	}
	memcpy(code, p->plain, len);
	if (as_code)
		x86_branch_encode(code, len);
	n = compress(by, code, len, packed);
	free(code);
	if (n == 0 || n >= p->is.packed_bytes) {
		free(packed);
		return 0;
	}
	set_packed(p, packed, n, by == DISK_LZ4 ? PACKAGE_LZ4 : PACKAGE_LZMA);
	p->is.is_code = as_code;
	return 0;
}

static bool works_in_place(const struct part *p, uint32_t margin, struct lzma_model *model)
{
	size_t len = (size_t)p->is.plain_bytes + margin;
	uint8_t *place = malloc(len + 1);
	bool works = false;

	if (place && len >= p->is.packed_bytes) {
		uint8_t *packed = place + len - p->is.packed_bytes;

		memcpy(packed, p->packed, p->is.packed_bytes);
		works = package_decode(&p->is, packed, place, model) == NULL &&
			memcmp(place, p->plain, p->is.plain_bytes) == 0;
	}
	free(place);
	return works;
}

static int find_margin(struct part *p, struct failure *failure)
{
	struct lzma_model *model;
	uint32_t margin;

	p->is.packed_sum = xxh32(p->packed, p->is.packed_bytes);
	if (p->is.method == PACKAGE_STORED)
		return 0;
	model = malloc(sizeof(*model));
	if (!model)
		return no_memory(failure);
	for (margin = MARGIN_MIN; margin <= MARGIN_MAX; margin *= 2)
		if (works_in_place(p, margin, model))
			break;
	free(model);
	p->is.margin = margin;
	if (margin > MARGIN_MAX)
		return failure_set(failure, "a part of the image does not come back from its "
					    "compressed form: this is a bug of hull's");
	return 0;
}

static int finish_part(struct part *p, enum disk_compression by, struct failure *failure)
{
	uint8_t *copy = malloc(p->is.plain_bytes + 1ul);
	bool try_both = p->is.kind != PACKAGE_REST && p->is.plain_bytes <= EFFORT_MAX;

	if (!copy)
		return no_memory(failure);
	memcpy(copy, p->plain, p->is.plain_bytes);
	set_packed(p, copy, p->is.plain_bytes, PACKAGE_STORED);
	if (by != DISK_STORED && p->is.plain_bytes > 0)
		if (pack_part(p, by, false) != 0 || (try_both && pack_part(p, by, true) != 0))
			return no_memory(failure);
	return find_margin(p, failure);
}

static int add_segment(struct package *package, const uint8_t *image, const struct segment *s)
{
	struct part *p = &package->parts[package->nr++];

	p->is = (struct package_part){
		.kind = s->is_payload ? PACKAGE_PAYLOAD : PACKAGE_SEGMENT,
		.plain_bytes = s->plain_bytes,
		.file_offset = s->file_offset,
		.address = s->address,
		.memory_bytes = s->memory_bytes,
	};
	p->plain = malloc(s->plain_bytes + 1ul);
	if (!p->plain)
		return -1;
	memcpy(p->plain, image + s->file_offset, s->plain_bytes);
	return 0;
}

/* What lies between the segments, put together. */
static int add_rest(struct package *package, const uint8_t *image, size_t len,
		    const struct segments *segments)
{
	struct part *p = &package->parts[package->nr++];
	size_t from = 0, n = 0;

	p->plain = malloc(len + 1);
	if (!p->plain)
		return -1;
	for (unsigned i = 0; i <= segments->nr; i++) {
		const struct segment *s = i < segments->nr ? &segments->of[i] : NULL;
		size_t to = s ? s->file_offset : len;

		memcpy(p->plain + n, image + from, to - from);
		n += to - from;
		from = s ? to + s->plain_bytes : len;
	}
	p->is = (struct package_part){ .kind = PACKAGE_REST, .plain_bytes = (uint32_t)n };
	return 0;
}

static int write_package(struct package *package, struct disk_bytes *out)
{
	struct package_header *h = &package->header;
	size_t at = sizeof(*h) + package->nr * sizeof(struct package_part), head = at;

	for (unsigned i = 0; i < package->nr; i++) {
		package->parts[i].is.offset = (uint32_t)at;
		at += package->parts[i].is.packed_bytes;
	}
	out->at = malloc(at);
	if (!out->at)
		return -1;
	out->len = at;
	h->package_bytes = (uint32_t)at;
	h->nr_parts = package->nr;
	memcpy(out->at, h, sizeof(*h));
	for (unsigned i = 0; i < package->nr; i++) {
		const struct part *p = &package->parts[i];

		memcpy(out->at + sizeof(*h) + i * sizeof(p->is), &p->is, sizeof(p->is));
		memcpy(out->at + p->is.offset, p->packed, p->is.packed_bytes);
	}
	h->sum = xxh32(out->at, head);
	memcpy(out->at, h, sizeof(*h));
	return 0;
}

static int fill(struct package *package, const uint8_t *image, size_t len,
		const struct segments *segments)
{
	package->header = (struct package_header){
		.magic = PACKAGE_MAGIC,
		.version = PACKAGE_VERSION,
		.image_bytes = (uint32_t)len,
		.entry = segments->entry,
		.slot = segments->slot,
		.memory_begin = segments->memory_begin,
		.memory_end = segments->memory_end,
	};
	for (unsigned i = 0; i < segments->nr; i++)
		if (add_segment(package, image, &segments->of[i]) != 0)
			return -1;
	return add_rest(package, image, len, segments);
}

int package_make(const void *image, size_t len, enum disk_compression compression,
		 struct disk_bytes *out, struct failure *failure)
{
	struct package package = { .nr = 0 };
	struct segments segments;
	int err = segments_find(image, len, &segments, failure);

	if (err != 0)
		return err;
	if (fill(&package, image, len, &segments) != 0)
		err = no_memory(failure);
	for (unsigned i = 0; i < package.nr && err == 0; i++)
		err = finish_part(&package.parts[i], compression, failure);
	if (err == 0 && write_package(&package, out) != 0)
		err = no_memory(failure);
	for (unsigned i = 0; i < package.nr; i++) {
		free(package.parts[i].plain);
		free(package.parts[i].packed);
	}
	return err;
}
