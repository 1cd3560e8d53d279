/* SPDX-License-Identifier: BSD-2-Clause */
/* The freestanding subset of <string.h>, with its semantics. memcpy is `rep movsb` (arch). */
#pragma once
#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *s, int byte, size_t len);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *hay, const char *needle);

/* Copies at most size-1 bytes and terminates. Returns strlen(src): >= size means cut short. */
size_t string_copy(char *dst, const char *src, size_t size);
