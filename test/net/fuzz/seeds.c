/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inputs for packets.c by a seed, where there is no libFuzzer: records of each kind, with
 * bodies that are examples of the right thing with some bytes changed, pieces taken out or put in,
 * or noise.
 *
 *	test-net-packets [SEED [ROUNDS [DIR [FIRST]]]]
 *
 * With DIR that is not "-" the inputs are written there, for libFuzzer to begin with.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/compiler.h"
#include "test/net/fuzz/packets.h"

#define RECORDS_MAX  40u
#define ROUNDS_USUAL 3000ul

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state;
static unsigned example;

static unsigned below(unsigned n) /* splitmix64 */
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (unsigned)((z ^ (z >> 31)) % n);
}

static unsigned mutate(uint8_t *body, unsigned len, unsigned room)
{
	unsigned nr = below(3) != 0 ? 0 : 1 + below(4), at;

	for (unsigned i = 0; i < nr && len > 0; i++) {
		at = below(len);
		switch (below(6)) {
		case 0:
			body[at] = (uint8_t)below(256);
			break;
		case 1:
			body[at] ^= (uint8_t)(1u << below(8));
			break;
		case 2:
			body[at] = below(2) == 0 ? 0 : 0xff;
			break;
		case 3: /* cut short */
			len = at + 1;
			break;
		case 4: /* a piece twice */
			if (len + len - at > room)
				break;
			memmove(body + len, body + at, len - at);
			len += len - at;
			break;
		default: /* longer, with noise */
			for (unsigned n = below(64); n > 0 && len < room; n--)
				body[len++] = (uint8_t)below(256);
			break;
		}
	}
	return len;
}

static unsigned put_record(uint8_t *out)
{
	unsigned len;

	/* stories go on */
	example = below(4) != 0 ? (example + 1) % nr_packet_examples : below(nr_packet_examples);
	len = (unsigned)packet_example_put(out, example) - PACKET_RECORD;
	len = mutate(out + PACKET_RECORD, len, 1000);
	if (below(4) == 0)
		out[0] = packet_with_last(out[0]);
	out[1] = (uint8_t)(len >> 8);
	out[2] = (uint8_t)len;
	return PACKET_RECORD + len;
}

static void save(const char *dir, unsigned long number, const uint8_t *input, unsigned len)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%lu", dir, number);
	f = fopen(path, "w");
	if (f == NULL || fwrite(input, 1, len, f) != len || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	unsigned long first = argc > 4 ? strtoul(argv[4], NULL, 0) : 0;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : ROUNDS_USUAL;
	static uint8_t input[1 + RECORDS_MAX * 1100];

	for (unsigned long i = first; i < first + rounds; i++) {
		unsigned nr, len = 1;

		state = seed << 32 | i;
		nr = 1 + below(RECORDS_MAX);
		example = below(nr_packet_examples);
		input[0] = (uint8_t)(below(2) == 0 ? 0 : below(256));
		for (unsigned n = 0; n < nr; n++)
			len += put_record(input + len);
		if (argc > 3 && strcmp(argv[3], "-") != 0)
			save(argv[3], i, input, len);
		else
			LLVMFuzzerTestOneInput(input, len);
	}
	printf("ok 1 - %lu rounds of seed %lu\n1..1\n", rounds, seed);
	return 0;
}
