/* SPDX-License-Identifier: BSD-2-Clause */
/* <string.h>'s block operations for both loaders; the rest is lib/string.c. */
#include "lib/string.h"

void *memcpy(void *dst, const void *src, size_t len)
{
	void *to = dst;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(len) : : "memory");
	return dst;
}

void *memset(void *dst, int byte, size_t len)
{
	void *to = dst;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(byte) : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
	uint8_t *to = (uint8_t *)dst + len - 1;
	const uint8_t *from = (const uint8_t *)src + len - 1;

	if ((uint8_t *)dst - (const uint8_t *)src >= (ptrdiff_t)len || dst <= src)
		return memcpy(dst, src, len);
	__asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
	return dst;
}
