/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open files and directories of the virtio-fs server: a table of slots. A handle's number is its
 * serial << 32 | slot, so that a released or invented one is not taken for another. At most
 * server->max_handles are open; the guest gets ENFILE beyond that.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/fs/fs_server.h"

struct fs_handle *fs_handle_find(struct fs_server *server, uint64_t fh)
{
	uint32_t slot = (uint32_t)fh;

	if (slot >= server->nr_handle_slots || !server->handles[slot].inode ||
	    server->handles[slot].serial != fh >> 32)
		return NULL;
	return &server->handles[slot];
}

static int grow(struct fs_server *server)
{
	unsigned nr = server->nr_handle_slots ? server->nr_handle_slots * 2 : 32;
	struct fs_handle *handles = reallocarray(server->handles, nr, sizeof(*handles));

	if (!handles)
		return -ENOMEM;
	memset(handles + server->nr_handle_slots, 0,
	       (nr - server->nr_handle_slots) * sizeof(*handles));
	server->handles = handles;
	server->nr_handle_slots = nr;
	return 0;
}

int fs_handle_new(struct fs_server *server, struct fs_inode *inode, uint64_t *fh,
		  struct fs_handle **out)
{
	uint32_t slot = 0;
	struct fs_handle *handle;
	int err;

	if (server->nr_handles >= server->max_handles)
		return -ENFILE;
	while (slot < server->nr_handle_slots && server->handles[slot].inode)
		slot++;
	if (slot == server->nr_handle_slots) {
		err = grow(server);
		if (err)
			return err;
	}
	handle = &server->handles[slot];
	*handle = (struct fs_handle){ .inode = inode, .serial = server->serial++, .fd = -1 };
	fs_inode_get(inode);
	server->nr_handles++;
	*fh = (uint64_t)handle->serial << 32 | slot;
	*out = handle;
	return 0;
}

void fs_handle_free(struct fs_server *server, struct fs_handle *handle)
{
	if (handle->dir)
		closedir(handle->dir);
	else if (handle->fd >= 0)
		close(handle->fd);
	fs_inode_put(server, handle->inode);
	handle->inode = NULL;
	server->nr_handles--;
}
