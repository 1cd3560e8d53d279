/* SPDX-License-Identifier: BSD-2-Clause */
/* Dumps of a family's sockets (diag.h): of a snapshot that is taken when the dump begins. */
#include <linux/sock_diag.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/netlink/diag.h"

struct snapshot {
	const struct diag_kind *kind;
	unsigned nr;
	char *entries;
};

static bool more(struct netlink_dump *d, struct netlink_message *m)
{
	const struct snapshot *s = d->kept;
	struct nlmsghdr h = d->header;

	h.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	for (; d->at < s->nr; d->at++) {
		const void *entry = s->entries + d->at * s->kind->entry_bytes;

		if (s->kind->wants != NULL && !s->kind->wants(d->filter, entry))
			continue;
		if (!s->kind->write(m, &h, d->filter, entry))
			return false;
	}
	return true;
}

static void end(struct netlink_dump *d)
{
	struct snapshot *s = d->kept;

	kmem_free(s->entries);
	kmem_free(s);
	d->kept = NULL;
}

int diag_dump(struct netlink_request *r, const struct diag_kind *kind)
{
	struct netlink_dump d = { .more = more, .end = end };
	struct snapshot *s;

	if (r->body_len < kind->request_bytes)
		return -EINVAL;
	if (!diag_wants_all(r))
		return -EOPNOTSUPP;
	s = kmem_new(struct snapshot);
	if (s == NULL)
		return -ENOBUFS;
	s->kind = kind;
	s->entries = socket_snapshot(kind->report, kind->entry_bytes, &s->nr);
	if (s->entries == NULL) {
		kmem_free(s);
		return -ENOBUFS;
	}
	d.kept = s;
	memcpy(d.filter, r->body, kind->request_bytes);
	return netlink_dump_start(r, &d);
}
