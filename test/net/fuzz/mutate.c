/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's changes of an input of packets.c, which keep it a list of records: a record is put
 * in, taken out, repeated, moved, exchanged for an example, or its body is changed by libFuzzer's
 * own means. What a mutation breaks is then a packet's contents and not the input's form.
 */
#include <string.h>

#include "test/net/fuzz/packets.h"

#define RECORDS_MAX 256u

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint64_t state;

static unsigned below(size_t n) /* splitmix64 */
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (unsigned)((z ^ (z >> 31)) % n);
}

/* Where the records begin; one more than there are: the end. */
static unsigned find_records(const uint8_t *data, size_t size, size_t at[RECORDS_MAX + 1])
{
	unsigned nr = 0;
	size_t n;

	at[0] = 1;
	while (nr < RECORDS_MAX && (n = packet_record_len(data + at[nr], size - at[nr])) > 0) {
		at[nr + 1] = at[nr] + n;
		nr++;
	}
	return nr;
}

/* `len` bytes take the place of those from `from` to `to`. The new size; the old: no room. */
static size_t replace(uint8_t *data, size_t size, const size_t range[2], const uint8_t *bytes,
		      size_t len)
{
	memmove(data + range[0] + len, data + range[1], size - range[1]);
	memcpy(data + range[0], bytes, len);
	return size - (range[1] - range[0]) + len;
}

/* The record's body by libFuzzer; its length is made right. */
static size_t change_body(uint8_t *record, size_t len)
{
	size_t body = len - PACKET_RECORD;

	body = LLVMFuzzerMutate(record + PACKET_RECORD, body, PACKET_BODY_MAX - 1);
	record[1] = (uint8_t)(body >> 8);
	record[2] = (uint8_t)body;
	if (below(8) == 0 && record[0] < NR_PACKET_KINDS)
		record[0] = packet_with_last(record[0]);
	return PACKET_RECORD + body;
}

/* Some examples that follow each other. */
static size_t put_story(uint8_t *to, size_t room)
{
	unsigned nr = 1 + below(12), first = below(nr_packet_examples);
	size_t len = 0;

	for (unsigned i = first; i < first + nr && i < nr_packet_examples; i++)
		if (len + PACKET_RECORD + packet_examples[i].len <= room)
			len += packet_example_put(to + len, i);
	return len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	uint8_t record[2 * PACKET_RECORD_MAX];
	size_t at[RECORDS_MAX + 1], range[2], len = 0;
	unsigned nr, i, j;

	state = seed;
	if (size == 0)
		data[size++] = 0;
	nr = find_records(data, size, at);
	if (below(32) == 0)
		data[0] = (uint8_t)below(256);
	i = below(nr + 1);
	j = nr > 0 ? below(nr) : 0;
	range[0] = range[1] = at[i];
	switch (nr == 0 ? 0 : below(8)) {
	case 0: /* a story, or its beginning */
		len = put_story(record, sizeof(record));
		break;
	case 1: /* one again, elsewhere */
		len = at[j + 1] - at[j];
		memcpy(record, data + at[j], len);
		break;
	case 2: /* one less */
		range[0] = at[j], range[1] = at[j + 1];
		break;
	case 3: /* an example, changed */
		len = packet_example_put(record, below(nr_packet_examples));
		len = change_body(record, len);
		break;
	default:
		range[0] = at[j], range[1] = at[j + 1];
		len = range[1] - range[0];
		memcpy(record, data + range[0], len);
		len = change_body(record, len);
	}
	if (size - (range[1] - range[0]) + len > max_size)
		return size;
	return replace(data, size, range, record, len);
}
