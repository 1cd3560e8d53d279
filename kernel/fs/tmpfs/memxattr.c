/* SPDX-License-Identifier: BSD-2-Clause */
/* Extended attributes as a list of (name, value): files have few. Results are as getxattr(2) has
 * them: size 0 asks for the length, -ERANGE says that the buffer is too small. */
#include "fs/tmpfs/memxattr.h"

#include <linux/xattr.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

struct entry {
	struct list link;
	size_t size;
	void *value; /* owned */
	char name[];
};

void memxattr_init(struct memxattrs *x)
{
	list_init(&x->entries);
}

static void free_entry(struct entry *e)
{
	list_remove(&e->link);
	kmem_free(e->value);
	kmem_free(e);
}

void memxattr_fini(struct memxattrs *x)
{
	struct entry *e;

	while ((e = list_first(&x->entries, struct entry, link)) != NULL)
		free_entry(e);
}

static struct entry *find(const struct memxattrs *x, const char *name)
{
	struct entry *e;

	list_foreach(&x->entries, e, link) {
		if (strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

ssize_t memxattr_get(const struct memxattrs *x, const char *name, void *buf, size_t size)
{
	const struct entry *e = find(x, name);

	if (e == NULL)
		return -ENODATA;
	if (size == 0)
		return (ssize_t)e->size;
	if (size < e->size)
		return -ERANGE;
	memcpy(buf, e->value, e->size);
	return (ssize_t)e->size;
}

static struct entry *new_entry(const char *name)
{
	size_t len = strlen(name) + 1;
	struct entry *e = kmem_alloc(sizeof(*e) + len);

	if (e == NULL)
		return NULL;
	memcpy(e->name, name, len);
	list_init(&e->link);
	return e;
}

int memxattr_set(struct memxattrs *x, const char *name, const void *value, size_t size, int flags)
{
	struct entry *e = find(x, name);
	void *copy;

	if (e != NULL && (flags & XATTR_CREATE))
		return -EEXIST;
	if (e == NULL && (flags & XATTR_REPLACE))
		return -ENODATA;
	copy = kmem_alloc(max(size, (size_t)1));
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, value, size);
	if (e == NULL) {
		e = new_entry(name);
		if (e == NULL) {
			kmem_free(copy);
			return -ENOMEM;
		}
		list_append(&x->entries, &e->link);
	}
	kmem_free(e->value);
	e->value = copy;
	e->size = size;
	return 0;
}

ssize_t memxattr_list(const struct memxattrs *x, char *buf, size_t size)
{
	struct entry *e;
	size_t at = 0;

	list_foreach(&x->entries, e, link) {
		size_t len = strlen(e->name) + 1;

		if (size != 0 && at + len > size)
			return -ERANGE;
		if (size != 0)
			memcpy(buf + at, e->name, len);
		at += len;
	}
	return (ssize_t)at;
}

int memxattr_remove(struct memxattrs *x, const char *name)
{
	struct entry *e = find(x, name);

	if (e == NULL)
		return -ENODATA;
	free_entry(e);
	return 0;
}
