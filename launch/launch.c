/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A launch record in one growing buffer. Every item begins at a multiple of 8 and is padded with
 * zeros, because the buffer is zeroed as it grows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launch/launch.h"

/* Room for len bytes more and their padding; NULL if there is no memory. */
static char *reserve(struct launch *launch, size_t len)
{
	size_t padded = (len + 7) & ~(size_t)7, capacity = launch->capacity;
	char *bytes;

	if (launch->failed)
		return NULL;
	while (launch->len + padded > capacity)
		capacity = capacity ? capacity * 2 : 8192;
	if (capacity != launch->capacity) {
		bytes = realloc(launch->bytes, capacity);
		if (!bytes) {
			launch->failed = true;
			return NULL;
		}
		memset(bytes + launch->capacity, 0, capacity - launch->capacity);
		launch->bytes = bytes;
		launch->capacity = capacity;
	}
	bytes = launch->bytes + launch->len;
	launch->len += padded;
	return bytes;
}

/* A new item's payload, zeroed, to be filled; NULL if there is no memory. */
static char *new_item(struct launch *launch, enum launch_kind kind, size_t len)
{
	struct launch_item item = { .kind = kind, .len_bytes = len };
	char *at;

	if (launch->len == 0)
		reserve(launch, sizeof(struct launch_header));
	at = reserve(launch, sizeof(item) + len);
	if (!at)
		return NULL;
	memcpy(at, &item, sizeof(item));
	launch->nr_items++;
	return at + sizeof(item);
}

void launch_add(struct launch *launch, enum launch_kind kind, const void *payload, size_t len)
{
	char *at = new_item(launch, kind, len);

	if (at && payload)
		memcpy(at, payload, len);
}

void launch_add_string(struct launch *launch, enum launch_kind kind, const char *string)
{
	launch_add(launch, kind, string, strlen(string) + 1);
}

void launch_add_mount(struct launch *launch, const struct launch_mount *mount, const char *source,
		      const char *target)
{
	size_t source_len = strlen(source) + 1, target_len = strlen(target) + 1;
	char *at = new_item(launch, LAUNCH_MOUNT, sizeof(*mount) + source_len + target_len);

	if (!at)
		return;
	memcpy(at, mount, sizeof(*mount));
	memcpy(at + sizeof(*mount), source, source_len);
	memcpy(at + sizeof(*mount) + source_len, target, target_len);
}

void launch_add_cred(struct launch *launch, uint32_t uid, uint32_t gid, const uint32_t *groups,
		     uint32_t nr_groups)
{
	struct launch_cred cred = { .uid = uid, .gid = gid, .nr_groups = nr_groups };
	char *at = new_item(launch, LAUNCH_CRED, sizeof(cred) + nr_groups * sizeof(*groups));

	if (!at)
		return;
	memcpy(at, &cred, sizeof(cred));
	if (nr_groups)
		memcpy(at + sizeof(cred), groups, nr_groups * sizeof(*groups));
}

int launch_end(struct launch *launch)
{
	struct launch_header header = {
		.magic = LAUNCH_MAGIC,
		.version = LAUNCH_VERSION,
		.nr_items = launch->nr_items,
	};

	if (launch->len == 0)
		reserve(launch, sizeof(header));
	if (launch->failed)
		return -ENOMEM;
	header.size_bytes = launch->len;
	memcpy(launch->bytes, &header, sizeof(header));
	return 0;
}

void launch_fini(struct launch *launch)
{
	free(launch->bytes);
	*launch = (struct launch){ 0 };
}
