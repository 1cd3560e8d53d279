/* SPDX-License-Identifier: BSD-2-Clause */
/* The growing text that the show functions of procfs and sysfs write into. After a failed growth
 * what follows is dropped and err says why. */
#include <stdarg.h>

#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define FIRST_SIZE 1024u
#define SIZE_LIMIT (64u << 20)

/* Room for len more bytes and a NUL. */
static bool reserve(struct text_buffer *b, size_t len)
{
	size_t need = b->len + len + 1, size = max(b->size, (size_t)FIRST_SIZE);
	char *data;

	if (b->err != 0)
		return false;
	if (need <= b->size)
		return true;
	while (size < need)
		size *= 2;
	data = size <= SIZE_LIMIT ? kmem_resize(b->data, size) : NULL;
	if (data == NULL) {
		b->err = -ENOMEM;
		return false;
	}
	b->data = data;
	b->size = size;
	return true;
}

void text_append(struct text_buffer *b, const void *bytes, size_t len)
{
	if (!reserve(b, len))
		return;
	memcpy(b->data + b->len, bytes, len);
	b->len += len;
}

void text_print(struct text_buffer *b, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = fmt_v(NULL, 0, format, args);
	va_end(args);
	if (len <= 0 || !reserve(b, (size_t)len))
		return;
	va_start(args, format);
	fmt_v(b->data + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}
