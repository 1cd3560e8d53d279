/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is a row of sequences: a token whose halves are the lengths of the literals and of the
 * match (15: more bytes follow, up to one that is not 255), the literals, two bytes of distance.
 * The last sequence ends behind its literals. Nothing is read before it is known to be there,
 * nothing is written past the window or what is wanted.
 */
#include "lib/lz4.h"

#include "lib/errno.h"
#include "lib/string.h"

#define MATCH_MIN   4u
#define SHORT_BYTES 64u /* for fewer a call and a string instruction take longer than they do */

struct input {
	const uint8_t *at, *end;
};

/* Hands out what was decoded, and if all room is used keeps only the history. */
static void make_room(struct lz4_output *o)
{
	size_t gone;

	o->take(o, o->window + o->nr_taken, o->nr - o->nr_taken);
	o->nr_taken = o->nr;
	if (o->nr < o->window_bytes)
		return;
	gone = o->nr > LZ4_HISTORY ? o->nr - LZ4_HISTORY : 0;
	memmove(o->window, o->window + gone, o->nr - gone);
	o->nr -= gone;
	o->nr_taken -= gone;
}

static size_t room(struct lz4_output *o)
{
	if (o->nr == o->window_bytes)
		make_room(o);
	return o->window_bytes - o->nr;
}

static int read_length(struct input *in, size_t *len)
{
	uint8_t more;

	if (*len != 15)
		return 0;
	do {
		if (in->at == in->end)
			return -EINVAL;
		more = *in->at++;
		*len += more;
	} while (more == 255);
	return 0;
}

/* n is a constant. */
static inline __attribute__((always_inline)) void move(uint8_t **to, const uint8_t **from, size_t n)
{
	uint64_t word;

	__builtin_memcpy(&word, *from, n);
	__builtin_memcpy(*to, &word, n);
	*from += n;
	*to += n;
}

/* Most copies are of a few bytes. Where both overlap, `to` is the lower. */
static void copy(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len >= SHORT_BYTES) {
		memmove(to, from, len);
		return;
	}
	for (size_t left = len; left >= 8; left -= 8)
		move(&to, &from, 8);
	if (len & 4)
		move(&to, &from, 4);
	if (len & 2)
		move(&to, &from, 2);
	if (len & 1)
		*to = *from;
}

static void put_literals(struct lz4_output *o, struct input *in, size_t len)
{
	while (len > 0) {
		size_t n = min(len, room(o));

		copy(o->window + o->nr, in->at, n); /* the input may lie ahead in the window */
		in->at += n;
		o->nr += n;
		len -= n;
	}
}

/*
 * The match may reach into what it makes itself: then its first `distance` bytes repeat, as do
 * twice as many once they are there.
 */
static void put_match(struct lz4_output *o, size_t distance, size_t len)
{
	while (len > 0) {
		size_t n = min(len, room(o));
		uint8_t *to = o->window + o->nr;

		n = min(n, distance);
		copy(to, to - distance, n);
		o->nr += n;
		len -= n;
		if (n == distance && distance < SHORT_BYTES)
			distance *= 2;
	}
}

static int read_distance(const struct lz4_output *o, struct input *in, size_t *distance)
{
	if (in->end - in->at < 2)
		return -EINVAL;
	*distance = (size_t)in->at[0] | (size_t)in->at[1] << 8;
	in->at += 2;
	return *distance == 0 || *distance > o->nr ? -EINVAL : 0;
}

/* One sequence, of which up to `want` bytes are wanted. Returns how many came, or -EINVAL. */
static ssize_t decode_sequence(struct lz4_output *o, struct input *in, size_t want)
{
	size_t literals, match, distance;
	uint8_t token;

	if (in->at == in->end)
		return -EINVAL;
	token = *in->at++;
	literals = token >> 4;
	match = token & 15;
	if (read_length(in, &literals) != 0 || literals > (size_t)(in->end - in->at))
		return -EINVAL;
	literals = min(literals, want);
	put_literals(o, in, literals);
	if (literals == want || in->at == in->end)
		return (ssize_t)literals;
	if (read_distance(o, in, &distance) != 0 || read_length(in, &match) != 0)
		return -EINVAL;
	match = min(match + MATCH_MIN, want - literals);
	put_match(o, distance, match);
	return (ssize_t)(literals + match);
}

int lz4_decode_to(struct lz4_output *o, const uint8_t *in, size_t len, size_t want)
{
	struct input input = { in, in + len };
	size_t left = want;
	ssize_t n;

	o->nr = o->nr_taken = 0;
	while (left > 0) {
		n = decode_sequence(o, &input, left);
		if (n <= 0)
			return -EINVAL;
		left -= (size_t)n;
	}
	o->take(o, o->window + o->nr_taken, o->nr - o->nr_taken);
	return 0;
}

static void keep(struct lz4_output *o, const uint8_t *bytes, size_t len)
{
	(void)o;
	(void)bytes;
	(void)len;
}

ssize_t lz4_decode(const void *src, size_t src_bytes, void *dst, size_t dst_bytes)
{
	struct lz4_output o = { .window = dst, .window_bytes = dst_bytes, .take = keep };

	return lz4_decode_to(&o, src, src_bytes, dst_bytes) == 0 ? (ssize_t)dst_bytes : -EINVAL;
}
