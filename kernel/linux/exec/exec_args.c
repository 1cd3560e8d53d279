/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The argument and environment strings of exec, copied into kernel memory before the old address
 * space goes. Limits as Linux has them: 128 KiB for one string, a quarter of the stack's limit for
 * all.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/exec/exec.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define LIMIT_MIN (32 * PAGE_SIZE)
#define LIMIT_MAX (6 * 1024 * 1024ul)

size_t exec_args_limit(void)
{
	uint64_t limit = process_limit(process_current(), RLIMIT_STACK) / 4;

	return (size_t)max(min(limit, (uint64_t)LIMIT_MAX), (uint64_t)LIMIT_MIN);
}

/* Room for `more` bytes at the end. */
static int reserve(struct exec_strings *s, size_t more)
{
	size_t size = max(s->size * 2, align_up(s->len + more, PAGE_SIZE));
	char *data;

	if (s->size - s->len >= more)
		return 0;
	data = kmem_resize(s->data, size);
	if (data == NULL)
		return -ENOMEM;
	s->data = data;
	s->size = size;
	return 0;
}

int exec_strings_add(struct exec_strings *s, const char *string)
{
	size_t len = strlen(string) + 1;
	int err = len > EXEC_STRING_MAX ? -E2BIG : reserve(s, len);

	if (err != 0)
		return err;
	memcpy(s->data + s->len, string, len);
	s->len += len;
	s->nr++;
	return 0;
}

static int read_string(struct exec_strings *s, uaddr_t from)
{
	for (size_t room = 256;; room = min(room * 8, (size_t)EXEC_STRING_MAX)) {
		int err = reserve(s, room);
		ssize_t len;

		if (err != 0)
			return err;
		len = user_string(s->data + s->len, from, room);
		if (len >= 0) {
			s->len += (size_t)len + 1;
			s->nr++;
			return 0;
		}
		if (len != -ENAMETOOLONG)
			return (int)len;
		if (room == EXEC_STRING_MAX)
			return -E2BIG;
	}
}

int exec_strings_read(struct exec_strings *s, uaddr_t vector)
{
	size_t limit = exec_args_limit();
	uaddr_t string;

	if (vector == 0) /* Linux takes NULL for an empty list */
		return 0;
	for (;; vector += sizeof(string)) {
		int err;

		if (user_read_struct(&string, vector) != 0)
			return -EFAULT;
		if (string == 0)
			return 0;
		err = read_string(s, string);
		if (err != 0)
			return err;
		if (s->len + (s->nr + 1) * sizeof(uaddr_t) > limit)
			return -E2BIG;
	}
}

void exec_strings_fini(struct exec_strings *s)
{
	kmem_free(s->data);
	*s = (struct exec_strings){ .data = NULL };
}
