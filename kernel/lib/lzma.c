/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A range coder gives one bit at a time, by a probability that adapts to it; trees of such bits
 * give numbers. A symbol is a literal, a match (length, distance), or a repetition of one of the
 * last four distances. `state` remembers the kinds of the last symbols: below 7 the last was a
 * literal.
 *
 * Names and constants are the specification's; where its tables are indexed by posState, that is 0
 * here (pb = 0).
 */
#include "lib/lzma.h"

#include "lib/errno.h"

#define TOP            (1u << 24)
#define MODEL_BITS     11
#define MOVE_BITS      5
#define PROBABILITY    (1u << (MODEL_BITS - 1))
#define LITERAL_STATES 7
#define SLOT_SPECIAL   4
#define SLOT_DIRECT    14
#define ALIGN_BITS     4
#define MATCH_MIN      2

struct decoder {
	struct lzma_model *model;
	const uint8_t *in, *in_end;
	uint8_t *begin, *out, *end;
	uint32_t range, code;
	uint32_t rep[4]; /* the last distances, less one */
	unsigned state;
	bool is_corrupt;
};

static uint8_t next_byte(struct decoder *d)
{
	if (d->in < d->in_end)
		return *d->in++;
	d->is_corrupt = true;
	return 0;
}

static void normalize(struct decoder *d)
{
	if (d->range < TOP) {
		d->range <<= 8;
		d->code = d->code << 8 | next_byte(d);
	}
}

static unsigned decode_bit(struct decoder *d, uint16_t *probability)
{
	uint32_t bound = (d->range >> MODEL_BITS) * *probability;
	unsigned bit = d->code >= bound;

	if (bit) {
		d->range -= bound;
		d->code -= bound;
		*probability -= (uint16_t)(*probability >> MOVE_BITS);
	} else {
		d->range = bound;
		*probability += (uint16_t)(((1u << MODEL_BITS) - *probability) >> MOVE_BITS);
	}
	normalize(d);
	return bit;
}

static uint32_t direct_bits(struct decoder *d, unsigned nr)
{
	uint32_t value = 0;

	for (; nr > 0; nr--) {
		unsigned bit;

		d->range >>= 1;
		bit = d->code >= d->range;
		if (bit)
			d->code -= d->range;
		value = value << 1 | bit;
		normalize(d);
	}
	return value;
}

static unsigned tree(struct decoder *d, uint16_t *probabilities, unsigned bits)
{
	unsigned m = 1;

	while (m < 1u << bits)
		m = m << 1 | decode_bit(d, &probabilities[m]);
	return m - (1u << bits);
}

static unsigned reverse_tree(struct decoder *d, uint16_t *probabilities, unsigned bits)
{
	unsigned m = 1, value = 0;

	for (unsigned i = 0; i < bits; i++) {
		unsigned bit = decode_bit(d, &probabilities[m]);

		m = m << 1 | bit;
		value |= bit << i;
	}
	return value;
}

static size_t length(struct decoder *d, struct lzma_lengths *l)
{
	if (!decode_bit(d, &l->is_long))
		return MATCH_MIN + tree(d, l->low, 3);
	if (!decode_bit(d, &l->is_longest))
		return MATCH_MIN + 8 + tree(d, l->middle, 3);
	return MATCH_MIN + 16 + tree(d, l->high, 8);
}

/* After a match, the byte that it would have gone on with takes part in the choice. */
static void literal(struct decoder *d)
{
	unsigned before = d->out > d->begin ? d->out[-1] >> (8 - LZMA_LC) : 0;
	uint16_t *p = d->model->literals + LZMA_LITERALS * before;
	unsigned symbol = 1;

	if (d->state >= LITERAL_STATES) {
		unsigned expected = *(d->out - d->rep[0] - 1);

		do {
			unsigned e = expected >> 7 & 1, bit;

			expected <<= 1;
			bit = decode_bit(d, &p[((1 + e) << 8) + symbol]);
			symbol = symbol << 1 | bit;
			if (bit != e)
				break;
		} while (symbol < 0x100);
	}
	while (symbol < 0x100)
		symbol = symbol << 1 | decode_bit(d, &p[symbol]);
	*d->out++ = (uint8_t)symbol;
	d->state = d->state < 4 ? 0 : d->state - (d->state < 10 ? 3 : 6);
}

static uint32_t distance(struct decoder *d, size_t len)
{
	size_t by_length = min(len - MATCH_MIN, (size_t)3);
	unsigned slot = tree(d, d->model->slots[by_length], 6);
	unsigned bits;
	uint32_t value;

	if (slot < SLOT_SPECIAL)
		return slot;
	bits = (slot >> 1) - 1;
	value = (2 | (slot & 1)) << bits;
	if (slot < SLOT_DIRECT)
		return value + reverse_tree(d, d->model->special + value - slot, bits);
	value += direct_bits(d, bits - ALIGN_BITS) << ALIGN_BITS;
	return value + reverse_tree(d, d->model->align, ALIGN_BITS);
}

static void copy(struct decoder *d, size_t len)
{
	if (d->rep[0] >= (size_t)(d->out - d->begin) || len > (size_t)(d->end - d->out)) {
		d->is_corrupt = true;
		return;
	}
	for (; len > 0; len--, d->out++)
		*d->out = *(d->out - d->rep[0] - 1);
}

/* Which of the three distances before the last; it becomes the last. */
static void choose_repetition(struct decoder *d)
{
	struct lzma_model *m = d->model;
	unsigned which = 1;
	uint32_t chosen;

	if (decode_bit(d, &m->is_rep_from_2[d->state]))
		which = 2 + decode_bit(d, &m->is_rep_3[d->state]);
	chosen = d->rep[which];
	for (; which > 0; which--)
		d->rep[which] = d->rep[which - 1];
	d->rep[0] = chosen;
}

static void match(struct decoder *d)
{
	size_t len = length(d, &d->model->match);

	for (unsigned i = 3; i > 0; i--)
		d->rep[i] = d->rep[i - 1];
	d->rep[0] = distance(d, len);
	d->state = d->state < LITERAL_STATES ? 7 : 10;
	copy(d, len);
}

static void repetition(struct decoder *d)
{
	struct lzma_model *m = d->model;
	bool was_literal = d->state < LITERAL_STATES;

	if (d->out == d->begin) {
		d->is_corrupt = true;
		return;
	}
	if (!decode_bit(d, &m->is_rep_from_1[d->state])) {
		if (!decode_bit(d, &m->is_rep0_long[d->state])) {
			d->state = was_literal ? 9 : 11;
			copy(d, 1);
			return;
		}
	} else {
		choose_repetition(d);
	}
	d->state = was_literal ? 8 : 11;
	copy(d, length(d, &m->rep));
}

static void model_init(struct lzma_model *model)
{
	uint16_t *p = (uint16_t *)model;

	for (size_t i = 0; i < sizeof(*model) / sizeof(*p); i++)
		p[i] = PROBABILITY;
}

int lzma_decode(struct lzma_model *model, struct lzma_input in, void *dst, size_t dst_bytes)
{
	struct decoder d = {
		.model = model,
		.in = in.bytes,
		.in_end = (const uint8_t *)in.bytes + in.len,
		.begin = dst,
		.out = dst,
		.end = (uint8_t *)dst + dst_bytes,
		.range = ~0u,
	};

	model_init(model);
	if (next_byte(&d) != 0)
		return -EINVAL;
	for (unsigned i = 0; i < 4; i++)
		d.code = d.code << 8 | next_byte(&d);
	while (d.out < d.end && !d.is_corrupt) {
		if (!decode_bit(&d, &model->is_match[d.state]))
			literal(&d);
		else if (decode_bit(&d, &model->is_rep[d.state]))
			repetition(&d);
		else
			match(&d);
	}
	return d.is_corrupt ? -EINVAL : 0;
}
