/* SPDX-License-Identifier: BSD-2-Clause */
/* Gaps between instructions: door_pad.h has the theory. */
#include "arch/x86_64/door_pad.h"

#include "lib/compiler.h"
#include "lib/string.h"
#include "mm/alloc/page.h"
#include "mm/user.h"

#define REACH        112 /* bytes to look at, each way: a short jump goes 127 */
#define PREFIXES_MAX 8
#define ANCHOR_SIZE  11

/* syscall; cmp $-4096, %rax; ja ...; ret. The ja's distance is any. */
static bool is_anchor(const uint8_t *code)
{
	static const uint8_t bytes[] = { 0x0f, 0x05, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0x77 };

	return memcmp(code, bytes, sizeof(bytes)) == 0 && code[ANCHOR_SIZE - 1] == 0xc3;
}

/* The length of the one no-operation at `code`, which has room for the longest; 0: it is none. */
static unsigned nop_length(const uint8_t *code)
{
	static const struct {
		unsigned len;
		uint8_t bytes[8];
	} forms[] = {
		{ 8, { 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 } },
		{ 7, { 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 } },
		{ 5, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } },
	};
	unsigned prefixes = 0;

	while (prefixes < PREFIXES_MAX && (code[prefixes] == 0x66 || code[prefixes] == 0x2e))
		prefixes++;
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		if (memcmp(code + prefixes, forms[i].bytes, forms[i].len) == 0)
			return prefixes + forms[i].len;
	}
	return 0;
}

bool door_pad_reach(uaddr_t site, uaddr_t at, uint8_t *rel)
{
	int64_t distance = (int64_t)(at - (site + DOOR_XOR_SIZE));

	*rel = (uint8_t)distance;
	return distance >= INT8_MIN && distance <= INT8_MAX;
}

/* Looks only at the page that the site is in. */
bool door_pad_find(uaddr_t site, struct door_pad *out)
{
	uaddr_t page = align_down(site, PAGE_SIZE);
	uaddr_t from = site - page > REACH ? site - REACH : page;
	uaddr_t to = min(site + REACH, page + PAGE_SIZE);
	uint8_t code[2 * REACH + ANCHOR_SIZE + 2 * PREFIXES_MAX] = { 0 }, rel;
	unsigned len;

	if (user_read(code, from, to - from) != 0)
		return false;
	out->len = 0;
	for (uaddr_t at = from; at + ANCHOR_SIZE < to; at++) {
		if (!is_anchor(&code[at - from]))
			continue;
		len = nop_length(&code[at - from + ANCHOR_SIZE]);
		if (len <= out->len || at + ANCHOR_SIZE + len > to ||
		    !door_pad_reach(site, at + ANCHOR_SIZE, &rel))
			continue;
		*out = (struct door_pad){ .at = at + ANCHOR_SIZE, .len = len };
	}
	return out->len >= DOOR_PAD_JUMP;
}
