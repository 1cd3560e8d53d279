/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <string.h>'s functions for a freestanding kernel. The three that move memory are weak: the
 * machine's own (arch) replace them. Bytes are compared as unsigned char, as the C standard has it
 * (C11 7.24.4).
 */
#include "lib/compiler.h"
#include "lib/string.h"

#define WEAK __attribute__((weak))

WEAK void *memcpy(void *dst, const void *src, size_t len)
{
	unsigned char *to = dst;
	const unsigned char *from = src;

	while (len-- > 0) {
		*to++ = *from++;
		barrier(); /* keep the loop: the compiler would call memcpy */
	}
	return dst;
}

WEAK void *memmove(void *dst, const void *src, size_t len)
{
	unsigned char *to = dst;
	const unsigned char *from = src;

	if ((uintptr_t)dst - (uintptr_t)src >= len)
		return memcpy(dst, src, len);
	while (len-- > 0) {
		to[len] = from[len];
		barrier();
	}
	return dst;
}

WEAK void *memset(void *dst, int byte, size_t len)
{
	unsigned char *to = dst;

	while (len-- > 0) {
		*to++ = (unsigned char)byte;
		barrier();
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *x = a, *y = b;

	for (; len > 0; x++, y++, len--) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

void *memchr(const void *s, int byte, size_t len)
{
	const unsigned char *at = s;

	for (; len > 0; at++, len--) {
		if (*at == (unsigned char)byte)
			return (void *)at;
	}
	return NULL;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end != '\0') {
		end++;
		barrier();
	}
	return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t max)
{
	const char *end = memchr(s, '\0', max);

	return end != NULL ? (size_t)(end - s) : max;
}

int strcmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max > 0; a++, b++, max--) {
		if (*a != *b || *a == '\0')
			return (unsigned char)*a - (unsigned char)*b;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++) {
		if (*s == '\0')
			return NULL;
	}
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do {
		if (*s == (char)c)
			found = s;
	} while (*s++ != '\0');
	return (char *)found;
}

char *strstr(const char *hay, const char *needle)
{
	size_t len = strlen(needle);

	for (; strncmp(hay, needle, len) != 0; hay++) {
		if (*hay == '\0')
			return NULL;
	}
	return (char *)hay;
}

size_t string_copy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src), n = min(len, size - 1);

	if (size > 0) {
		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}
