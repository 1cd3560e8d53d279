/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inputs of random bytes by a seed, for targets that read them as decisions (bytes.h).
 *
 *	PROGRAM [SEED [ROUNDS [FIRST]]]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX    4096u
#define ROUNDS_USUAL 2000ul

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state;

static uint64_t next(void) /* splitmix64 */
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

int main(int argc, char **argv)
{
	unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : ROUNDS_USUAL;
	unsigned long first = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	static uint8_t input[INPUT_MAX];

	for (unsigned long i = first; i < first + rounds; i++) {
		size_t len;

		state = seed << 32 | i;
		len = 1 + next() % INPUT_MAX;
		for (size_t n = 0; n < len; n++)
			input[n] = (uint8_t)next();
		LLVMFuzzerTestOneInput(input, len);
	}
	printf("ok 1 - %lu rounds of seed %lu\n1..1\n", rounds, seed);
	return 0;
}
