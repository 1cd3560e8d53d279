/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directories in the virtio-fs server. A handle holds a directory stream; an entry that did not
 * fit into a reply stays pending, so that going on at the next offset costs nothing. Any other
 * offset is looked for with seekdir. READDIRPLUS reads each entry's attributes but opens none of
 * the files: their descriptors come when they are used.
 *
 * On a read-only server directories need not be opened (FUSE_NO_OPENDIR_SUPPORT): READDIR with
 * handle 0 uses a stream of the server's own, which stays until its end is reached or another
 * directory is read that way.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "monitor/fs/fs_server.h"

static int open_stream(struct fs_request *request, uint64_t *fh, struct fs_handle **out)
{
	DIR *dir;
	int fd, err;

	if (request->inode->type != S_IFDIR)
		return -ENOTDIR;
	fd = fs_inode_open(request->server, request->inode, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	err = fs_handle_new(request->server, request->inode, fh, out);
	if (err) {
		closedir(dir);
		return err;
	}
	(*out)->dir = dir;
	(*out)->fd = fd;
	return 0;
}

int fs_op_opendir(struct fs_request *request)
{
	struct fuse_open_out out = {
		.open_flags = request->server->read_only ? FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR : 0,
	};
	struct fs_handle *handle;
	int err;

	if (request->server->no_opendir)
		return -ENOSYS;
	err = open_stream(request, &out.fh, &handle);
	if (err)
		return err;
	err = fs_request_reply(request, &out, sizeof(out));
	if (err)
		fs_handle_free(request->server, handle);
	return err;
}

/* The stream for a READDIR: the handle's, or the server's own. */
static int find_stream(struct fs_request *request, uint64_t fh, struct fs_handle **out)
{
	struct fs_server *server = request->server;
	bool own = fh == 0 && server->no_opendir;
	struct fs_handle *handle = fs_handle_find(server, own ? server->stream : fh);

	if (own && handle && handle->inode != request->inode) {
		fs_handle_free(server, handle);
		handle = NULL;
	}
	if (own && !handle)
		return open_stream(request, &server->stream, out);
	if (!handle || !handle->dir)
		return -EBADF;
	*out = handle;
	return 0;
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/*
 * The next entry, or NULL with *err set (0 at the end). A barred directory has only "." and
 * "..".
 */
static struct dirent *next_entry(struct fs_handle *handle, int *err)
{
	struct dirent *entry = handle->pending;

	*err = 0;
	while (!entry) {
		errno = 0;
		entry = readdir(handle->dir);
		if (!entry) {
			*err = -errno;
			return NULL;
		}
		if (handle->inode->barred && !is_dot(entry->d_name))
			entry = NULL;
	}
	handle->pending = entry;
	return entry;
}

/* Writes one record at `to`, zero-padded; returns its length. */
static size_t put_entry(struct fs_request *request, struct fs_inode *dir,
			const struct dirent *entry, bool plus, char *to)
{
	size_t name_len = strlen(entry->d_name);
	size_t head = plus ? sizeof(struct fuse_entry_out) : 0;
	size_t len = head + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + name_len);
	struct fuse_dirent *dirent = (struct fuse_dirent *)(to + head);
	struct fs_found found;

	memset(to, 0, len);
	*dirent = (struct fuse_dirent){
		.ino = fs_inode_number(request->server, dir->dev, entry->d_ino),
		.off = (uint64_t)entry->d_off,
		.namelen = (uint32_t)name_len,
		.type = entry->d_type,
	};
	memcpy(dirent->name, entry->d_name, name_len);
	if (plus && !is_dot(entry->d_name) &&
	    fs_inode_lookup(request->server, dir, entry->d_name, false, &found) == 0)
		fs_attr_fill_entry(request->server, (struct fuse_entry_out *)to, &found);
	return len;
}

static int read_entries(struct fs_request *request, bool plus)
{
	const struct fuse_read_in *in = fs_request_struct(request, sizeof(*in));
	const size_t head = plus ? sizeof(struct fuse_entry_out) : 0;
	struct fs_handle *handle;
	size_t done = 0, room;
	struct dirent *entry;
	int err;

	if (!in)
		return -EINVAL;
	err = find_stream(request, in->fh, &handle);
	if (err)
		return err;
	room = min(request->out_bytes - sizeof(struct fuse_out_header),
		   sizeof(request->server->reply));
	room = min(room, in->size);
	if (in->offset != handle->next_offset) {
		seekdir(handle->dir, (long)in->offset);
		handle->pending = NULL;
		handle->next_offset = in->offset;
	}
	while ((entry = next_entry(handle, &err))) {
		size_t len = head + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + strlen(entry->d_name));

		if (done + len > room)
			break;
		handle->next_offset = (uint64_t)entry->d_off;
		done += put_entry(request, handle->inode, entry, plus,
				  request->server->reply + done);
		handle->pending = NULL;
	}
	if (!entry && in->fh == 0 && request->server->no_opendir)
		fs_handle_free(request->server, handle);
	if (err || (entry && done == 0))
		return err ? err : -EINVAL;
	return fs_request_reply(request, request->server->reply, done);
}

int fs_op_readdir(struct fs_request *request)
{
	return read_entries(request, false);
}

int fs_op_readdirplus(struct fs_request *request)
{
	return read_entries(request, true);
}

int fs_op_releasedir(struct fs_request *request)
{
	const struct fuse_release_in *in = fs_request_struct(request, sizeof(*in));
	struct fs_handle *handle = in ? fs_handle_find(request->server, in->fh) : NULL;

	if (!handle || !handle->dir)
		return in ? -EBADF : -EINVAL;
	fs_handle_free(request->server, handle);
	return 0;
}

int fs_op_fsyncdir(struct fs_request *request)
{
	const struct fuse_fsync_in *in = fs_request_struct(request, sizeof(*in));
	struct fs_handle *handle = in ? fs_handle_find(request->server, in->fh) : NULL;

	if (in && in->fh == 0 && request->server->no_opendir)
		return 0; /* nothing of it is ever written */
	if (!handle || !handle->dir)
		return in ? -EBADF : -EINVAL;
	return fsync(handle->fd) < 0 ? -errno : 0;
}
