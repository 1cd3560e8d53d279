/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the launch record: lengths and terminations first, then pointers into it. */
#include "lib/launch_record.h"

#include "lib/errno.h"
#include "lib/string.h"

#define UMASK_DEFAULT  022
#define ROOT_ALIGNMENT 4096

struct item {
	uint32_t kind;
	const char *payload;
	size_t len;
};

/* The item at offset *at, which moves behind it. False: it does not fit in. */
static bool next_item(const void *bytes, size_t size, size_t *at, struct item *out)
{
	const struct launch_item *head;

	if (size - *at < sizeof(*head))
		return false;
	head = (const struct launch_item *)((const char *)bytes + *at);
	*at += sizeof(*head);
	if (head->len_bytes > size - *at)
		return false;
	*out = (struct item){ head->kind, (const char *)bytes + *at, head->len_bytes };
	*at = min(*at + align_up(head->len_bytes, 8), size);
	return true;
}

static const char *string_of(const struct item *i)
{
	return i->len > 0 && memchr(i->payload, '\0', i->len) != NULL ? i->payload : NULL;
}

static int take_string(const struct item *i, const char **out)
{
	*out = string_of(i);
	return *out == NULL ? -EINVAL : 0;
}

static int take_mount(struct launch_record *r, const struct item *i)
{
	struct launch_mount_entry *e = &r->mounts[r->nr_mounts];
	const char *end = i->payload + i->len, *nul;

	if (r->nr_mounts == LAUNCH_MOUNTS_MAX || i->len < sizeof(struct launch_mount))
		return -EINVAL;
	e->mount = (const struct launch_mount *)i->payload;
	e->source = e->mount->strings;
	nul = memchr(e->source, '\0', (size_t)(end - e->source));
	if (nul == NULL || nul + 1 >= end)
		return -EINVAL;
	e->target = nul + 1;
	if (memchr(e->target, '\0', (size_t)(end - e->target)) == NULL)
		return -EINVAL;
	r->nr_mounts++;
	return 0;
}

static int take_stream(struct launch_record *r, const struct item *i)
{
	const struct launch_stream *s = (const struct launch_stream *)i->payload;

	if (i->len < sizeof(*s) || s->fd > 2)
		return -EINVAL;
	r->streams[s->fd] = s;
	return 0;
}

static int take_cred(struct launch_record *r, const struct item *i)
{
	const struct launch_cred *c = (const struct launch_cred *)i->payload;

	if (i->len < sizeof(*c) || c->nr_groups > (i->len - sizeof(*c)) / sizeof(uint32_t))
		return -EINVAL;
	r->cred = c;
	return 0;
}

static int take_rlimit(struct launch_record *r, const struct item *i)
{
	if (i->len < sizeof(struct launch_rlimit) || r->nr_rlimits == LAUNCH_RLIMITS_MAX)
		return -EINVAL;
	r->rlimits[r->nr_rlimits++] = (const struct launch_rlimit *)i->payload;
	return 0;
}

static int take_struct(const struct item *i, size_t size, const void **out)
{
	if (i->len < size)
		return -EINVAL;
	*out = i->payload;
	return 0;
}

static int take_words(struct launch_record *r, const struct item *i)
{
	const void *at;
	int err;

	switch (i->kind) {
	case LAUNCH_PORTS:
		err = take_struct(i, sizeof(struct launch_ports), &at);
		if (err == 0)
			r->ports = at;
		return err;
	case LAUNCH_TERMINAL:
		err = take_struct(i, sizeof(struct launch_terminal), &at);
		if (err == 0)
			r->terminal = at;
		return err;
	case LAUNCH_OPTIONS:
		err = take_struct(i, sizeof(struct launch_options), &at);
		if (err == 0)
			r->options = ((const struct launch_options *)at)->flags;
		return err;
	case LAUNCH_SIGNALS:
		err = take_struct(i, sizeof(struct launch_signals), &at);
		if (err == 0)
			r->signals = *(const struct launch_signals *)at;
		return err;
	case LAUNCH_NETWORK:
		return take_struct(i, sizeof(struct launch_network), &at);
	case LAUNCH_ADDRESS:
		return take_struct(i, sizeof(struct launch_address), &at);
	case LAUNCH_UMASK:
		err = take_struct(i, sizeof(uint32_t), &at);
		if (err == 0)
			r->umask = *(const uint32_t *)at & 0777;
		return err;
	default:
		return 0;
	}
}

static int take(struct launch_record *r, const struct item *i)
{
	const char *ignored;

	switch (i->kind) {
	case LAUNCH_ARG:
	case LAUNCH_ENV:
	case LAUNCH_NAMESERVER:
		return take_string(i, &ignored);
	case LAUNCH_PROGRAM:
		return take_string(i, &r->program);
	case LAUNCH_CWD:
		return take_string(i, &r->cwd);
	case LAUNCH_HOSTNAME:
		return take_string(i, &r->hostname);
	case LAUNCH_CRED:
		return take_cred(r, i);
	case LAUNCH_MOUNT:
		return take_mount(r, i);
	case LAUNCH_STREAM:
		return take_stream(r, i);
	case LAUNCH_RLIMIT:
		return take_rlimit(r, i);
	case LAUNCH_SEED:
		r->seed = i->payload;
		r->seed_len = i->len;
		return 0;
	case LAUNCH_CPIO:
		r->archive = i->payload;
		r->archive_len = i->len;
		return 0;
	case LAUNCH_EROFS:
		if ((size_t)(i->payload - (const char *)r->header) % ROOT_ALIGNMENT != 0)
			return -EINVAL;
		r->root = i->payload;
		r->root_len = i->len;
		return 0;
	default:
		return take_words(r, i);
	}
}

int launch_record_read(struct launch_record *r, const void *bytes, size_t len, const char **why)
{
	const struct launch_header *h = bytes;
	size_t at = sizeof(*h);
	struct item item;

	*r = (struct launch_record){ .header = h, .cwd = "/", .umask = UMASK_DEFAULT };
	*why = len == 0 ? "there is none; start Hull by `hull run`"
			: "it is not one of this version";
	if (len < sizeof(*h) || h->magic != LAUNCH_MAGIC || h->version != LAUNCH_VERSION)
		return -EINVAL;
	*why = "it is cut off";
	if (h->size_bytes > len || h->size_bytes < sizeof(*h))
		return -EINVAL;
	for (uint32_t i = 0; i < h->nr_items; i++) {
		if (!next_item(bytes, h->size_bytes, &at, &item))
			return -EINVAL;
		*why = "an item is malformed";
		if (take(r, &item) != 0)
			return -EINVAL;
		*why = "it is cut off";
	}
	*why = "it names no program, mount or port";
	return r->program == NULL || r->nr_mounts == 0 || r->ports == NULL ? -EINVAL : 0;
}

const char *launch_record_string(const struct launch_record *r, uint32_t kind, size_t *at)
{
	return launch_record_item(r, kind, at);
}

const void *launch_record_item(const struct launch_record *r, uint32_t kind, size_t *at)
{
	struct item item;

	if (*at == 0)
		*at = sizeof(*r->header);
	while (*at < r->header->size_bytes &&
	       next_item(r->header, r->header->size_bytes, at, &item)) {
		if (item.kind == kind)
			return item.payload;
	}
	return NULL;
}
