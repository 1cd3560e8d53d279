/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended attributes: those of the inode's own stand behind it; of those that many files have
 * alike it only has numbers. Results are as getxattr(2) and listxattr(2) have them.
 */
#include "fs/erofs/erofs.h"
#include "lib/errno.h"
#include "lib/string.h"

struct attribute {
	const char *prefix, *name, *value;
	size_t prefix_len, name_len, value_len;
};

static bool set_prefix(struct attribute *a, unsigned number)
{
	static const char *const prefixes[] = {
		NULL,
		"user.",
		"system.posix_acl_access",
		"system.posix_acl_default",
		"trusted.",
		"lustre.",
		"security.",
	};

	if (number == 0 || number >= ARRAY_SIZE(prefixes))
		return false;
	a->prefix = prefixes[number];
	a->prefix_len = strlen(a->prefix);
	return true;
}

/* The entry at `at` of [at, end), which lies in the image. Returns where the next is, 0: wrong. */
static uint64_t parse(const struct erofs *fs, uint64_t at, uint64_t end, struct attribute *out)
{
	const struct erofs_xattr_entry *e = erofs_at(fs, at, sizeof(*e));
	uint64_t len;

	if (e == NULL || end - at < sizeof(*e))
		return 0;
	len = sizeof(*e) + e->name_len + e->value_bytes;
	if (len > end - at || !set_prefix(out, e->prefix))
		return 0;
	out->name = e->name;
	out->name_len = e->name_len;
	out->value = e->name + e->name_len;
	out->value_len = e->value_bytes;
	return min(align_up(at + len, (uint64_t)4), end);
}

/* Calls fn for each, until it returns something other than 0. */
static ssize_t for_each(struct inode *inode, ssize_t (*fn)(const struct attribute *a, void *arg),
			void *arg)
{
	const struct erofs_inode *node = erofs_inode_of(inode);
	const struct erofs *fs = erofs_of(inode->sb);
	const struct erofs_xattr_header *h = erofs_at(fs, node->xattrs, node->xattr_bytes);
	uint64_t at, end = node->xattrs + node->xattr_bytes;
	struct attribute a;
	ssize_t result = 0;

	if (node->xattr_bytes == 0 || h == NULL)
		return 0;
	if (h->nr_shared > (node->xattr_bytes - sizeof(*h)) / sizeof(uint32_t))
		return -EUCLEAN;
	for (unsigned i = 0; result == 0 && i < h->nr_shared; i++) {
		at = fs->xattrs + (uint64_t)h->shared[i] * 4;
		result = at < fs->len && parse(fs, at, fs->len, &a) != 0 ? fn(&a, arg) : -EUCLEAN;
	}
	at = node->xattrs + sizeof(*h) + h->nr_shared * sizeof(uint32_t);
	while (result == 0 && at < end) {
		at = parse(fs, at, end, &a);
		result = at == 0 ? -EUCLEAN : fn(&a, arg);
	}
	return result;
}

struct get {
	const char *name;
	void *buf;
	size_t size;
};

static ssize_t copy_if_named(const struct attribute *a, void *arg)
{
	const struct get *g = arg;
	size_t len = strlen(g->name);

	if (len != a->prefix_len + a->name_len || memcmp(g->name, a->prefix, a->prefix_len) != 0 ||
	    memcmp(g->name + a->prefix_len, a->name, a->name_len) != 0)
		return 0;
	if (g->size != 0 && g->size < a->value_len)
		return -ERANGE;
	if (g->size != 0)
		memcpy(g->buf, a->value, a->value_len);
	return (ssize_t)a->value_len + 1;
}

ssize_t erofs_xattr_get(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct get g = { name, buf, size };
	ssize_t found = for_each(inode, copy_if_named, &g);

	return found == 0 ? -ENODATA : found < 0 ? found : found - 1;
}

struct listing {
	char *buf;
	size_t size, len;
};

static ssize_t list_one(const struct attribute *a, void *arg)
{
	struct listing *l = arg;
	size_t len = a->prefix_len + a->name_len + 1;
	char *to = l->buf + l->len;

	l->len += len;
	if (l->size == 0)
		return 0;
	if (l->len > l->size)
		return -ERANGE;
	memcpy(to, a->prefix, a->prefix_len);
	memcpy(to + a->prefix_len, a->name, a->name_len);
	to[len - 1] = '\0';
	return 0;
}

ssize_t erofs_xattr_list(struct inode *inode, char *buf, size_t size)
{
	struct listing l = { buf, size, 0 };
	ssize_t err = for_each(inode, list_one, &l);

	return err != 0 ? err : (ssize_t)l.len;
}
