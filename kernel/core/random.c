/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers: a ChaCha20 key that is replaced by the generator's own output after every request
 * (fast key erasure), so that a leaked state tells nothing of what was given out before.
 */
#include "core/random.h"

#include "arch/cpu.h"
#include "core/sync/spinlock.h"
#include "lib/chacha.h"
#include "lib/hash.h"
#include "lib/string.h"

static uint32_t key[8];  /* [lock] */
static uint64_t counter; /* [lock] */
static struct spinlock lock;

/* Each word of the key is mixed with a hash of the input under the old key. */
void random_add(const void *entropy, size_t len)
{
	scoped_spin(&lock);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t old = (uint64_t)key[i] << 32 | key[(i + 1) % 8];

		key[i] ^= (uint32_t)hash_bytes(entropy, len, old + i + cpu_cycles());
	}
	for (size_t i = 0; i < len && i < sizeof(key); i++)
		((uint8_t *)key)[i] ^= ((const uint8_t *)entropy)[i];
}

/* A block whose first half becomes the next key; the second half is given out. */
static void next_block(uint8_t out[32])
{
	uint8_t block[64];

	chacha20_block(key, counter++, 0, block);
	memcpy(key, block, sizeof(key));
	memcpy(out, block + 32, 32);
}

static void next_bytes(uint8_t *out, size_t len)
{
	uint8_t bytes[32];

	scoped_spin(&lock);
	next_block(bytes);
	memcpy(out, bytes, len);
}

void random_get(void *buf, size_t len)
{
	uint8_t *out = buf;

	while (len > 0) {
		size_t n = min(len, (size_t)32);

		next_bytes(out, n);
		out += n;
		len -= n;
	}
}

uint64_t random_u64(void)
{
	uint64_t x;

	random_get(&x, sizeof(x));
	return x;
}
